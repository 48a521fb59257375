package worker

import (
	"slices"
	"strings"
	"testing"
)

func TestReplacement(t *testing.T) {
	v := values{item: "dir/a b.txt", fields: []string{"dir/x.c", "2"}, index: 41, slot: 3, start: "41", end: "50", first: 40, n: 10}
	for _, c := range []struct {
		command []string
		mode    Mode
		want    []string
	}{
		{[]string{"echo", "{}"}, PerItem, []string{"echo", "dir/a b.txt"}},
		{[]string{"echo"}, PerItem, []string{"echo", "dir/a b.txt"}},
		{[]string{"echo", "{.}", "{/}", "{//}", "{/.}"}, PerItem, []string{"echo", "dir/a b", "a b.txt", "dir", "a b"}},
		{[]string{"echo", "{1}-{2}", "{1.}", "{1/}", "{1//}", "{1/.}", "{3}"}, PerItem, []string{"echo", "dir/x.c-2", "dir/x", "x.c", "dir", "x", ""}},
		{[]string{"echo", "{#}", "{%}"}, PerItem, []string{"echo", "41", "3"}},
		{[]string{"check", "{start}", "{end}"}, PerBlock, []string{"check", "41", "50"}},
		{[]string{"check", "{index}+{size}"}, PerBlock, []string{"check", "40+10"}},
		{[]string{"check", "{index}", "{}"}, PerItem, []string{"check", "40", "dir/a b.txt"}},
		{[]string{"awk", "{print $1}"}, PerItem, []string{"awk", "{print $1}", "dir/a b.txt"}},
		{[]string{"curl", `{"a":{}}`}, PerItem, []string{"curl", `{"a":dir/a b.txt}`}},
		{[]string{"echo", ""}, PerItem, []string{"echo", "", "dir/a b.txt"}},
		{[]string{"wc {} | cat"}, PerItem, []string{"/bin/sh", "-c", "wc 'dir/a b.txt' | cat"}},
		{[]string{"wc -l"}, PerItem, []string{"/bin/sh", "-c", "wc -l 'dir/a b.txt'"}},
		{[]string{"wc"}, PerItem, []string{"wc", "dir/a b.txt"}},
	} {
		tmpl, err := Parse(c.command, false)
		if err != nil {
			t.Errorf("%q: %v", c.command, err)
			continue
		}
		if got := tmpl.expand(&v); tmpl.Mode != c.mode || !slices.Equal(got, c.want) {
			t.Errorf("%q: mode %d, %q; want %d, %q", c.command, tmpl.Mode, got, c.mode, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		command []string
		pipe    bool
		want    string
	}{
		{nil, false, "the command is missing"},
		{[]string{""}, false, "the command is missing"},
		{[]string{"wc", "{}"}, true, "cannot have {} as well"},
	} {
		if _, err := Parse(c.command, c.pipe); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.command, err)
		}
	}
}

// Text that is no replacement string stays as it is, and replaced values are never replaced again.
func FuzzExpand(f *testing.F) {
	f.Add("echo {}", "{#}")
	f.Add("{1/.}{", "a'b")
	f.Add("{}{.}{//}", "")
	f.Fuzz(func(t *testing.T, arg, item string) {
		tmpl, err := Parse([]string{"x", arg}, false)
		if err != nil {
			t.Fatal(err)
		}
		got := tmpl.expand(&values{item: item, fields: []string{item}})
		if !replacement.MatchString(arg) && got[1] != arg {
			t.Fatalf("%q became %q", arg, got[1])
		}
		if plain := strings.ReplaceAll(arg, "{}", ""); !replacement.MatchString(arg) || replacement.MatchString(plain) {
			return
		}
		if want := strings.ReplaceAll(arg, "{}", item); got[1] != want && strings.Count(arg, "{}") == len(replacement.FindAllString(arg, -1)) {
			t.Fatalf("%q with %q became %q", arg, item, got[1])
		}
	})
}
