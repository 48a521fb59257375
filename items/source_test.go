package items

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// all are the items of a source, read as a block.
func all(t rapid.TB, s Source) []string {
	t.Helper()
	var out []string
	for text, err := range Range(s, 0, s.Len()) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}

func build(t testing.TB, s Spec) Source {
	t.Helper()
	src, err := s.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// The first table of the original: all strings of three letters, letters used as often as you like.
func TestStringsWithReuse(t *testing.T) {
	want := strings.Fields(`
		aaa aab aac aba abb abc aca acb acc
		baa bab bac bba bbb bbc bca bcb bcc
		caa cab cac cba cbb cbc cca ccb ccc`)
	src := build(t, Spec{Strings: &StringsSpec{Alphabet: "abc", Length: 3}})
	if got := all(t, src); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// The second table of the original: all permutations of three letters, each used once.
func TestPermutationsWithoutReuse(t *testing.T) {
	want := []string{"abc", "acb", "bac", "bca", "cab", "cba"}
	src := build(t, Spec{Permutations: &PermutationsSpec{Alphabet: "abc"}})
	if got := all(t, src); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestSources(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string // items, separated by |
	}{
		{Spec{Range: rng("1..5")}, "1|2|3|4|5"},
		{Spec{Range: rng("{1..5}")}, "1|2|3|4|5"},
		{Spec{Range: rng("1..10..3")}, "1|4|7|10"},
		{Spec{Range: rng("1..9..3")}, "1|4|7"},
		{Spec{Range: rng("5..1")}, "5|4|3|2|1"},
		{Spec{Range: rng("5..1..2")}, "5|3|1"},
		{Spec{Range: rng("5..1..-2")}, "5|3|1"},
		{Spec{Range: rng("1..5..-2")}, "1|3|5"},
		{Spec{Range: rng("-2..2")}, "-2|-1|0|1|2"},
		{Spec{Range: rng("08..11")}, "08|09|10|11"},
		{Spec{Range: rng("-01..1")}, "-01|000|001"},
		{Spec{Range: rng("7..7")}, "7"},
		{Spec{Values: []string{"a b", "c"}}, "a b|c"},
		{Spec{Mask: &MaskSpec{Mask: "a?d"}}, "a0|a1|a2|a3|a4|a5|a6|a7|a8|a9"},
		{Spec{Mask: &MaskSpec{Mask: "?1?2", Custom: []string{"xy", "?1z"}}}, "xx|xy|xz|yx|yy|yz"},
		{Spec{Mask: &MaskSpec{Mask: "??é"}}, "?é"},
		{Spec{Strings: &StringsSpec{Alphabet: "äö", Length: 2}}, "ää|äö|öä|öö"},
		{Spec{Permutations: &PermutationsSpec{Alphabet: "abcd", Length: 2}}, "ab|ac|ad|ba|bc|bd|ca|cb|cd|da|db|dc"},
		{Spec{Hosts: "node[08-10]"}, "node08|node09|node10"},
		{Spec{Hosts: "a[1-2]b[7,9],login"}, "a1b7|a1b9|a2b7|a2b9|login"},
		{Spec{Product: []Spec{{Values: []string{"a", "b"}}, {Range: rng("1..2")}}}, "a 1|a 2|b 1|b 2"},
		{Spec{Zip: []Spec{{Values: []string{"a", "b"}}, {Range: rng("1..2")}}}, "a 1|b 2"},
		{Spec{Concat: []Spec{{Values: []string{"a", "b"}}, {Range: rng("1..2")}}}, "a|b|1|2"},
		{Spec{Slice: &SliceSpec{Of: Spec{Range: rng("1..9")}, Start: 2, End: 5}}, "3|4|5"},
		{Spec{Slice: &SliceSpec{Of: Spec{Range: rng("1..4")}, Start: 2}}, "3|4"},
	} {
		t.Run(c.spec.String(), func(t *testing.T) {
			src := build(t, c.spec)
			want := strings.Split(c.want, "|")
			if got := all(t, src); !slices.Equal(got, want) {
				t.Errorf("got %q", got)
			}
			for i, item := range want {
				if at, err := At(src, int64(i)); err != nil || at != item {
					t.Errorf("at(%d) = %q, %v", i, at, err)
				}
				if back, ok, err := Index(src, item); !errors.Is(err, ErrNoIndex) && (!ok || err != nil || back != int64(i)) {
					t.Errorf("index(%q) = %d, %v, %v; want %d", item, back, ok, err, i)
				}
			}
			if _, err := At(src, src.Len()); err == nil {
				t.Error("there is an item behind the last")
			}
		})
	}
}

// The sets of a mask, in hashcat's order: ?a is ?l, ?u, ?d and ?s one after the other.
func TestMaskSets(t *testing.T) {
	const l, u, d, s = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", " !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
	for mask, want := range map[string]string{
		"?l": l, "?u": u, "?d": d, "?s": s, "?a": l + u + d + s, "?h": "0123456789abcdef", "?H": "0123456789ABCDEF", "??": "?",
		"?1": "xy0123456789z", "?2": "z" + l[:25] + u + d + s,
	} {
		src := build(t, Spec{Mask: &MaskSpec{Mask: mask, Custom: []string{"xyx?dz", "z?a"}}})
		if got := strings.Join(all(t, src), ""); got != want {
			t.Errorf("%s is %q, want %q", mask, got, want)
		}
	}
}

func TestNoSuchItem(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		item string
	}{
		{Spec{Range: rng("1..10..3")}, "2"}, {Spec{Range: rng("1..10")}, "11"}, {Spec{Range: rng("1..10")}, "01"}, {Spec{Range: rng("1..10")}, "x"},
		{Spec{Mask: &MaskSpec{Mask: "?d?d"}}, "1"}, {Spec{Mask: &MaskSpec{Mask: "?d?d"}}, "123"}, {Spec{Mask: &MaskSpec{Mask: "?d"}}, "a"},
		{Spec{Permutations: &PermutationsSpec{Alphabet: "abc"}}, "aab"},
		{Spec{Hosts: "node[01-10]"}, "node1"},
		{Spec{Slice: &SliceSpec{Of: Spec{Range: rng("1..9")}, Start: 2, End: 5}}, "1"},
	} {
		if i, ok, err := Index(build(t, c.spec), c.item); ok || err != nil {
			t.Errorf("%v: %q is item %d, %v", c.spec, c.item, i, err)
		}
	}
}

func TestFields(t *testing.T) {
	src := build(t, Spec{Product: []Spec{{Values: []string{"a b", "c"}}, {Hosts: "n[1-2]"}}})
	got, err := Fields(src, 1)
	if want := []string{"a b", "n2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}

// Bad input is refused with the field, once, what is wrong, where it is a size the size, and what to do.
func TestRefused(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{}, "items: is empty; give one of range, values, lines"},
		{Spec{Range: rng("1..2"), Hosts: "a"}, "items: has more than one kind (range, hosts)"},
		{Spec{Range: &RangeSpec{Start: 0, End: MaxLen}}, "items.range: 9,007,199,254,740,992 items are too many: a list has at most 9,007,199,254,740,991 (2^53-1)"},
		{Spec{Range: &RangeSpec{Start: 1, End: 2, Width: -1}}, "items.range: width: is -1; must be 0 to 64"},
		{Spec{Mask: &MaskSpec{Mask: "?a?a?a?a?a?a?a?a?a?a"}}, "59,873,693,923,837,890,625 items are too many"},
		{Spec{Mask: &MaskSpec{Mask: "?x"}}, "?x: is no set"},
		{Spec{Mask: &MaskSpec{Mask: "?1"}}, "there is no custom set 1"},
		{Spec{Mask: &MaskSpec{Mask: "a?"}}, "ends in a single ?"},
		{Spec{Strings: &StringsSpec{Alphabet: "aa", Length: 1}}, `items.strings: alphabet: "aa" has 2 letters, but only 1 different ones; give each once`},
		{Spec{Strings: &StringsSpec{Alphabet: "ab", Length: 0}}, "items.strings: length: is 0"},
		{Spec{Strings: &StringsSpec{Alphabet: "ab", Length: 1 << 40}}, "items.strings: 2 letters to the power of 1099511627776: about 10^330985980541 items are too many"},
		{Spec{Permutations: &PermutationsSpec{Alphabet: "abcdefghijklmnopqrstuvwxyz"}}, "403,291,461,126,605,635,584,000,000 items are too many"},
		{Spec{Permutations: &PermutationsSpec{Alphabet: "abc", Length: 4}}, "must be 1 to 3"},
		{Spec{Hosts: "node[1-"}, "a bracket is not closed"},
		{Spec{Hosts: "node[3-1]"}, `"3-1" must be a number or a range`},
		{Spec{Zip: []Spec{{Range: rng("1..2")}, {Range: rng("1..3")}}}, "part 0 has 2 items and part 1 has 3"},
		{Spec{Product: []Spec{{Range: rng("1..2")}, {Hosts: "a["}}}, "items.product[1].hosts: "},
		{Spec{Product: []Spec{{Range: rng("1..4294967296")}, {Range: rng("1..4294967296")}}}, "18,446,744,073,709,551,616 items are too many"},
		{Spec{Slice: &SliceSpec{Of: Spec{Range: rng("1..2")}, Start: 1, End: 3}}, "not within the 2 items there are"},
		{Spec{Lines: &LinesSpec{Path: "hosts.txt"}}, "items.lines: the file hosts.txt is not at hand here"},
		{Spec{Lines: &LinesSpec{}}, "items.lines: has no lines"},
		{Spec{Lines: &LinesSpec{Path: "f", Text: "a"}}, "items.lines: has more than one of path, text and configMap; give one"},
		{Spec{Lines: &LinesSpec{Text: "a\nb\n", Count: 3}}, "it has 2 lines, not 3"},
		{Spec{Lines: &LinesSpec{Text: "a\nb\n", SHA256: "A1"}}, `items.lines: sha256: is "A1"; must be 64 hexadecimal digits, in small letters`},
		{Spec{Lines: &LinesSpec{Path: "f", Count: -1}}, "items.lines: count: is -1; must be 0 to 9007199254740991"},
		{Spec{Lines: &LinesSpec{Path: "f", Bytes: -1}}, "items.lines: bytes: is -1; must be 0 or more"},
		{Spec{Lines: &LinesSpec{Path: "f", Count: 1 << 53}}, "items.lines: count: 9,007,199,254,740,992 items are too many"},
		{Spec{Mask: &MaskSpec{}}, "items.mask: is empty"},
		{Spec{Mask: &MaskSpec{Mask: "?b"}}, `items.mask: "?b": ?b: items are text, not bytes`},
		{Spec{Mask: &MaskSpec{Mask: "?1", Custom: []string{"?9"}}}, `items.mask: custom[0]: "?9": ?9: is no set`},
		{Spec{Mask: &MaskSpec{Mask: "?1", Custom: []string{"", "", "", "", ""}}}, "items.mask: custom: has 5 sets"},
		{Spec{Mask: &MaskSpec{Mask: "\xff"}}, `items.mask: "\xff": is not valid UTF-8`},
		{Spec{Mask: &MaskSpec{Mask: strings.Repeat("?l", 257)}}, "has 257 positions; must be at most 256"},
		{Spec{Mask: &MaskSpec{Mask: "?1", Custom: []string{strings.Repeat("a", 5000)}}}, "has 5000 positions; must be at most 1024"},
		{Spec{Strings: &StringsSpec{Alphabet: "", Length: 1}}, "items.strings: alphabet: is empty"},
		{Spec{Strings: &StringsSpec{Alphabet: "a", Length: 1 << 20}}, "items.strings: length: is 1048576; must be at most 65536"},
		{Spec{Hosts: "a,,b"}, `items.hosts: "": a host has no name`},
		{Spec{Hosts: "a]"}, `items.hosts: "a]": a bracket is closed that was not opened`},
		{Spec{Hosts: strings.Repeat("a[1]", 17)}, "has more than 16 brackets"},
		{Spec{Hosts: "a[0-9007199254740991]"}, `items.hosts: "a[0-9007199254740991]": 9,007,199,254,740,992 items are too many`},
		{Spec{Hosts: "a[1-9007199254740991],b"}, "items.hosts: 9,007,199,254,740,992 items are too many"},
		{Spec{Concat: []Spec{{Range: rng("1..9007199254740991")}, {Range: rng("1..1")}}}, "items.concat: 9,007,199,254,740,992 items are too many"},
		{Spec{Slice: &SliceSpec{Of: Spec{Hosts: "a["}}}, `items.slice.of.hosts: "a[": a bracket`},
		{Spec{Slice: &SliceSpec{Of: Spec{Range: rng("1..2")}, Start: -1}}, "items.slice: [-1,2) is"},
	} {
		_, err := c.spec.Build(nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v\nwant %s", c.spec, err, c.want)
			continue
		}
		path, what, _ := strings.Cut(err.Error(), ": ")
		if i := strings.LastIndexByte(path, '.'); !strings.HasPrefix(path, "items") || i > 0 && strings.Contains(what, path[i+1:]+":") || strings.Contains(what, path) {
			t.Errorf("names the field twice: %v", err)
		}
		if !strings.Contains(what, "; ") && !strings.Contains(what, "must be ") {
			t.Errorf("says not what to do: %v", err)
		}
	}
}

// The number of lines is known without reading them, from what the spec says of a file or from the text in it.
func TestLinesKnown(t *testing.T) {
	for _, c := range []struct {
		spec LinesSpec
		n    int64
		err  string
	}{
		{LinesSpec{Text: "a\n\nb"}, 3, ""},
		{LinesSpec{Path: "f", Count: 7}, 7, ""},
		{LinesSpec{Path: "f", SHA256: strings.Repeat("0", 64)}, 0, ""}, // as is known of an empty file
		{LinesSpec{Path: "f"}, 0, "items.lines: count: is not given; give the number of lines that f has (wc -l)"},
		{LinesSpec{ConfigMap: &ConfigMapKey{Name: "hosts"}}, 0, "items.lines: configMap: is read on Kubernetes only; elsewhere give the lines as text, or a path"},
	} {
		n, err := Spec{Lines: &c.spec}.Len()
		if n != c.n || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%+v: %d, %v; want %d, %s", c.spec, n, err, c.n, c.err)
		}
	}
	text := build(t, Spec{Lines: &LinesSpec{Text: "a\n\nb"}})
	if got, err := text.Append(nil, 2); err != nil || string(got) != "b" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestParseArgs(t *testing.T) {
	a, b := Spec{Values: []string{"a", "b"}}, Spec{Values: []string{"1", "2"}}
	x, y := Spec{Values: []string{"x", "y"}}, Spec{Values: []string{"y"}}
	f, g, h := Spec{Lines: &LinesSpec{Path: "f"}}, Spec{Lines: &LinesSpec{Path: "g"}}, Spec{Lines: &LinesSpec{Path: "h"}}
	for _, c := range []struct {
		args    string
		command string
		want    Spec
	}{
		{"echo {}", "echo {}", Spec{}},
		{"echo ::: a b", "echo", a},
		{"echo {1} ::: a b ::: 1 2", "echo {1}", Spec{Product: []Spec{a, b}}},
		{"echo ::: a b :::+ 1 2", "echo", Spec{Zip: []Spec{a, b}}},
		{"echo :::: f", "echo", f},
		{"echo ::: a b ::::+ f", "echo", Spec{Zip: []Spec{a, f}}},
		{"echo :::: f g", "echo", Spec{Product: []Spec{f, g}}},
		{"echo ::: a b :::: f g ::: 1 2", "echo", Spec{Product: []Spec{a, f, g, b}}},
		{"echo ::: a b :::+ 1 2 :::+ x y", "echo", Spec{Zip: []Spec{a, b, x}}},
		{"echo ::: a b :::+ 1 2 ::: x y", "echo", Spec{Product: []Spec{{Zip: []Spec{a, b}}, x}}},
		{"echo ::: y ::: a b :::+ 1 2", "echo", Spec{Product: []Spec{y, {Zip: []Spec{a, b}}}}},
		{"echo ::: a b ::::+ f g", "echo", Spec{Zip: []Spec{a, f, g}}},
		{"echo :::: f ::::+ g h", "echo", Spec{Zip: []Spec{f, g, h}}},
		{"echo :::: f g ::::+ h", "echo", Spec{Product: []Spec{f, {Zip: []Spec{g, h}}}}},
		{"echo :::: f g :::+ x y", "echo", Spec{Product: []Spec{f, {Zip: []Spec{g, x}}}}},
		{"echo ::: a b :::: f ::::+ g h ::: y", "echo", Spec{Product: []Spec{a, {Zip: []Spec{f, g, h}}, y}}},
	} {
		command, spec, err := ParseArgs(strings.Fields(c.args))
		if err != nil || strings.Join(command, " ") != c.command || fmt.Sprint(spec.Fingerprint()) != c.want.Fingerprint() {
			t.Errorf("%s: %v, %+v, %v", c.args, command, spec, err)
		}
	}
	for _, args := range []string{"echo :::", "echo ::: ::: a", "echo :::+ a"} {
		if _, spec, err := ParseArgs(strings.Fields(args)); err == nil {
			t.Errorf("%s: %+v", args, spec)
		}
	}
}

func TestPieces(t *testing.T) {
	if got := (Spec{Range: rng("1..3")}).Fingerprint(); got != (Spec{Range: rng("1..3")}).Fingerprint() || got == (Spec{Range: rng("1..4")}).Fingerprint() {
		t.Error("fingerprints do not tell sources apart")
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, s := range []Spec{{Range: rng("1..1000000000")}, {Range: rng("0000000001..1000000000")}, {Mask: &MaskSpec{Mask: "?l?l?l?d?d"}},
		{Hosts: "node[001-999]-[1-9]"}, {Product: []Spec{{Range: rng("1..1000")}, {Range: rng("1..1000")}}}} {
		b.Run(s.String(), func(b *testing.B) {
			src := build(b, s)
			b.ReportAllocs()
			var buf []byte
			for i := range b.N {
				buf, _ = src.Append(buf[:0], int64(i)%src.Len())
			}
		})
	}
}
