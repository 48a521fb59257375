package items

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// openText opens a path that is the text of the file itself, or empty.
func openText(s LinesSpec) (*Lines, error) {
	text := strings.TrimPrefix(s.Path, "empty")
	return indexLines(context.Background(), strings.NewReader(text), int64(len(text)), 3)
}

// searchable tells whether every source in a spec can say where an item is.
func searchable(s Spec) bool {
	for _, p := range slices.Concat(s.Product, s.Concat) {
		if !searchable(p) {
			return false
		}
	}
	return s.Lines == nil && len(s.Zip) == 0 && (s.Slice == nil || searchable(s.Slice.Of))
}

// An answer is the index of the first item with a text, or that there is none; a source that cannot tell says so, and only
// one with a part that is not searchable cannot.
func TestIndexAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spec, list := drawSpec(t, 0)
		src, err := spec.Build(openText)
		if err != nil {
			t.Fatal(err)
		}
		texts := slices.Concat(list, rapid.SliceOfN(rapid.StringMatching(`[a-cn0-3 ]{0,6}`), 10, 10).Draw(t, "texts"))
		for _, item := range rapid.SliceOfN(rapid.SampledFrom(texts), 5, 5).Draw(t, "near") {
			texts = append(texts, item+" ", " "+item, item+"\xff", "0"+item, strings.TrimSuffix(item, item[len(item)/2:]))
		}
		for _, item := range texts {
			first := slices.Index(list, item)
			switch i, ok, err := Index(src, item); {
			case errors.Is(err, ErrNoIndex):
				if searchable(spec) {
					t.Fatalf("%+v of %q: cannot tell where %q is; it is at %d", spec, list, item, first)
				}
			case err != nil:
				t.Fatal(err)
			case ok != (first >= 0) || ok && i != int64(first):
				t.Fatalf("%+v of %q: index(%q) = %d, %v; want %d", spec, list, item, i, ok, first)
			}
		}
	})
}

func TestIndexIsTheFirstOrCannotBeTold(t *testing.T) {
	const absent, unknown = -1, -2
	v := func(items ...string) Spec { return Spec{Values: items} }
	lines := Spec{Lines: &LinesSpec{Path: "a\nb\n"}}
	zip := Spec{Zip: []Spec{v("a", "b"), v("1", "2")}}
	cut := func(of Spec, start, end int64) Spec { return Spec{Slice: &SliceSpec{Of: of, Start: start, End: end}} }
	for _, c := range []struct {
		name string
		spec Spec
		item string
		want int64
	}{
		{"lines", lines, "a", unknown},
		{"zip", zip, "a 1", unknown},
		{"lines in concat", Spec{Concat: []Spec{lines, v("c")}}, "d", unknown},
		{"lines before it in concat", Spec{Concat: []Spec{lines, v("c")}}, "c", unknown},
		{"lines behind it in concat", Spec{Concat: []Spec{v("c"), lines}}, "c", 0},
		{"zip in slice", cut(zip, 1, 2), "b 2", unknown},
		{"lines in product", Spec{Product: []Spec{lines, v("c")}}, "a c", unknown},
		{"lines in product, but the other part is not there", Spec{Product: []Spec{lines, v("c")}}, "a d", absent},
		{"lines in product, behind a part that is not there", Spec{Product: []Spec{v("c"), lines}}, "d a", absent},
		{"the first of two", v("a", "b", "a"), "a", 0},
		{"the first lies before the slice", cut(v("a", "b", "a"), 1, 3), "a", 1},
		{"the only one lies before the slice", cut(v("a", "b", "c"), 1, 3), "a", absent},
		{"the only one lies behind the slice", cut(v("a", "b", "c"), 0, 2), "c", absent},
		{"hidden in the part of a product", cut(Spec{Product: []Spec{v("a", "a"), v("1", "2")}}, 1, 4), "a 1", 1},
		{"hidden by another way to cut", cut(Spec{Product: []Spec{v("a", "a b"), v("b c", "c")}}, 1, 4), "a b c", 2},
		{"found first by the later way to cut", Spec{Product: []Spec{v("a b", "a"), v("c", "b c")}}, "a b c", 0},
		{"the rest is looked for again behind the bound", cut(Spec{Product: []Spec{v("a", "a"), v("b"), v("d", "c")}}, 1, 4), "a b d", 1},
		{"a slice of a slice", cut(cut(v("a", "b", "a", "a"), 1, 4), 2, 3), "a", 0},
		{"hidden in concat", cut(Spec{Concat: []Spec{v("a", "b"), v("b", "a")}}, 1, 4), "a", 2},
		{"a letter is not what stands for broken text", Spec{Strings: &StringsSpec{Alphabet: "a\uFFFD", Length: 1}}, "\xff", absent},
		{"nor in an arrangement", Spec{Permutations: &PermutationsSpec{Alphabet: "a\uFFFD"}}, "a\xff", absent},
		{"a product with nothing", Spec{Product: []Spec{v("a"), {Lines: &LinesSpec{Path: "empty"}}}}, "a ", absent},
	} {
		t.Run(c.name, func(t *testing.T) {
			src, err := c.spec.Build(openText)
			if err != nil {
				t.Fatal(err)
			}
			got, ok, err := Index(src, c.item)
			switch {
			case errors.Is(err, ErrNoIndex):
				got = unknown
			case err != nil:
				t.Fatal(err)
			case !ok:
				got = absent
			}
			if got != c.want {
				t.Errorf("index(%q) = %d, want %d", c.item, got, c.want)
			}
		})
	}
}

// Products in products can be cut in so many ways that nobody could try them all.
func TestIndexGivesUp(t *testing.T) {
	spec := Spec{Values: []string{"x", " ", ""}}
	for range 12 {
		spec = Spec{Concat: []Spec{{Product: []Spec{spec, {Values: []string{"x", " ", ""}}}}, {Values: []string{"y"}}}}
	}
	if _, ok, err := Index(build(t, spec), strings.Repeat(" ", 500)); !errors.Is(err, ErrNoIndex) {
		t.Errorf("got %v, %v", ok, err)
	}
}
