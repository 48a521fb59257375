package items

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawSpec makes a spec of a few items, and the items themselves in the simplest way.
func drawSpec(t *rapid.T, depth int) (Spec, []string) {
	kinds := 6
	if depth < 3 {
		kinds = 10
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0: // some stand there twice, some are empty, some look like two
		v := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "", " ", "a b", "1", "n09"}), 1, 4).Draw(t, "values")
		return Spec{Values: v}, v
	case 1:
		return Spec{Range: rng("1..3")}, []string{"1", "2", "3"}
	case 2:
		return Spec{Mask: &MaskSpec{Mask: "?1x", Custom: []string{"pq"}}}, []string{"px", "qx"}
	case 3:
		return Spec{Hosts: "n[08-10]"}, []string{"n08", "n09", "n10"}
	case 4:
		return Spec{Hosts: "n[1,1]1,n[1,11]"}, []string{"n11", "n11", "n1", "n11"}
	case 5:
		return Spec{Lines: &LinesSpec{Path: "a\n\n1\na\n"}}, []string{"a", "", "1", "a"}
	case 6:
		spec, out := Spec{}, []string{""}
		for p := range rapid.IntRange(1, 3).Draw(t, "parts") {
			part, x := drawSpec(t, depth+1)
			spec.Product = append(spec.Product, part)
			var next []string
			for _, i := range out {
				for _, j := range x {
					if p > 0 {
						j = i + " " + j
					}
					next = append(next, j)
				}
			}
			out = next
		}
		return spec, out
	case 7:
		a, x := drawSpec(t, depth+1)
		b, y := drawSpec(t, depth+1)
		return Spec{Concat: []Spec{a, b}}, slices.Concat(x, y)
	case 8:
		a, x := drawSpec(t, depth+1)
		start := rapid.IntRange(0, len(x)-1).Draw(t, "start")
		end := rapid.IntRange(start+1, len(x)).Draw(t, "end")
		return Spec{Slice: &SliceSpec{Of: a, Start: int64(start), End: int64(end)}}, x[start:end]
	default:
		a, x := drawSpec(t, depth+1)
		var out []string
		for _, i := range x {
			out = append(out, i+" "+i)
		}
		return Spec{Zip: []Spec{a, a}}, out
	}
}

// Sources made of sources are what they say, whole and in blocks; a JSON round trip changes nothing.
func TestAlgebraAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, want := drawSpec(t, 0)
		b, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		var again Spec
		if err := json.Unmarshal(b, &again); err != nil || again.Fingerprint() != spec.Fingerprint() {
			t.Fatalf("%s reads as %+v, %v", b, again, err)
		}
		src, err := again.Build(openText)
		if err != nil {
			t.Fatal(err)
		}
		if src.Len() != int64(len(want)) {
			t.Fatalf("%s: %d items, want %d", b, src.Len(), len(want))
		}
		start := rapid.Int64Range(0, src.Len()).Draw(t, "start")
		end := rapid.Int64Range(start, src.Len()).Draw(t, "end")
		var block []string
		for text, err := range Range(src, start, end) {
			if err != nil {
				t.Fatal(err)
			}
			block = append(block, string(text))
		}
		if !slices.Equal(block, want[start:end]) {
			t.Fatalf("%s [%d,%d): %q, want %q", b, start, end, block, want[start:end])
		}
		for i, item := range want {
			if at, err := At(src, int64(i)); err != nil || at != item {
				t.Fatalf("at(%d) = %q, %v; want %q", i, at, err, item)
			}
			if fields, err := Fields(src, int64(i)); err != nil || strings.Join(fields, " ") != item {
				t.Fatalf("fields(%d) = %q, %v; want %q", i, fields, err, item)
			}
		}
	})
}

// Generators are their own inverse, and in the order of an odometer.
func TestIndexIsInverse(t *testing.T) {
	for _, s := range []Spec{
		{Range: rng("-1000000000000..1000000000000..7")}, {Range: rng("000..999")}, {Mask: &MaskSpec{Mask: "?u?l?d?s?h"}},
		{Strings: &StringsSpec{Alphabet: "abcdefghij", Length: 12}}, {Permutations: &PermutationsSpec{Alphabet: "0123456789abcdef", Length: 12}},
		{Hosts: "a[001-500]b[1-20]"},
	} {
		src := build(t, s)
		t.Run(s.String(), rapid.MakeCheck(func(t *rapid.T) {
			i := rapid.Int64Range(0, src.Len()-1).Draw(t, "i")
			item, err := At(src, i)
			if err != nil {
				t.Fatal(err)
			}
			if back, ok, err := Index(src, item); err != nil || !ok || back != i {
				t.Fatalf("at(%d) = %q, index = %d, %v, %v", i, item, back, ok, err)
			}
		}))
	}
}

func FuzzSpec(f *testing.F) {
	for _, s := range []string{"1..10", "{10..1..3}", "-05..5", "1..5..-9223372036854775808", "-9223372036854775808..9223372036854775807",
		"?l?d", "??", "?1", "a?", "node[001-100]", "a[1-2]b[3,5-9],c", "a[", "]", "[1]", ",", "a[-]", "[00-9007199254740991]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 256 {
			t.Skip("long ones only take longer")
		}
		specs := []Spec{{Hosts: s}, {Mask: &MaskSpec{Mask: s, Custom: []string{s}}}}
		if r, err := ParseRange(s); err == nil {
			specs = append(specs, Spec{Range: r})
		}
		for _, spec := range specs {
			src, err := spec.Build(nil)
			if err != nil {
				continue
			}
			if src.Len() < 1 || src.Len() > MaxLen {
				t.Fatalf("%v has %d items", spec, src.Len())
			}
			for _, i := range []int64{0, src.Len() / 2, src.Len() - 1} {
				item, err := At(src, i)
				if err != nil {
					t.Fatalf("%v at(%d): %v", spec, i, err)
				}
				if _, ok, err := Index(src, item); err != nil || !ok {
					t.Fatalf("%v: %q is not found, %v", spec, item, err)
				}
			}
		}
		ParseArgs(strings.Fields(s))
	})
}
