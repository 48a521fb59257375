package jobfile

import (
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/template"
	"pgregory.net/rapid"
)

func TestExpand(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"a $$ b $$$$":              "a $ b $$",
		"$${A}":                    "${A}",
		"${A:-b}":                  "b",
		"${A-b}":                   "b",
		"${A:-}":                   "",
		"${A:-b:-c}":               "b:-c",
		"${A:-${B:-${C-c}}}":       "c",
		"${A:-a}/${B:-b}":          "a/b",
		"${A:+b}${A+b}":            "",
		"postgres://${H:-db}:5432": "postgres://db:5432",
		"${A_1:-$$}":               "$",
		nested(20):                 "a",
	} {
		if got, err := expand(text, 0); err != nil || got != want {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
	for text, why := range map[string]string{
		"$A":         "A has no value",
		"${A}":       "A has no value",
		"${A?why}":   "A has no value",
		"${A:?why}":  "A has no value",
		"${A:-${B}}": "B has no value",
		"a$":         "$ begins no variable",
		"$1":         "$ begins no variable",
		"${A":        "${ is not closed",
		"${}":        "names no variable",
		"${1}":       "names no variable",
		"${A!b}":     "is no variable",
		"${A:}":      "is no variable",
		nested(21):   "more than 20 variables stand in one another's defaults",
		nested(1e5):  "more than 20 variables stand in one another's defaults",
	} {
		if got, err := expand(text, 0); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q is %q, %v; want an error that says %q", text, got, err, why)
		}
	}
}

// nested is so many variables, each of them the default of another.
func nested(n int) string { return strings.Repeat("${A:-", n) + "a" + strings.Repeat("}", n) }

// What compose-go makes of a text when no variable is set, this makes of it too.
func TestExpandAsComposeDoes(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", "-", ":", "$$", "/", "${A:-x}", "${A-y}", "${B:-}", "${A:+z}", "${C+z}", "${A:-${B:-n}}", "${A:-b c}", "{", " "})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(part, 0, 6).Draw(t, "parts"), "")
		want, err := template.SubstituteWithOptions(text, func(string) (string, bool) { return "", false }, template.WithoutLogging)
		if err != nil {
			t.Skip(err)
		}
		if got, err := expand(text, 0); err != nil || got != want {
			t.Fatalf("%q is %q, %v; compose-go makes %q of it", text, got, err, want)
		}
	})
}
