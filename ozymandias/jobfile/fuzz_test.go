package jobfile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"teamtask.dev/ozymandias/jobfile"
)

// FuzzParse gives it anything. It never panics; what it refuses has a place and a message; what it accepts is valid, complete, and
// read back as it is.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "testdata/*/*.yaml", "testdata/*/*.json"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatal(pattern, err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) { holdsRules(t, text) })
}

// reporter is what a test and a property have in common.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

// forProgrammers finds what nobody wants to read who wrote a job file.
var forProgrammers = regexp.MustCompile(`\n|goroutine|runtime error|nil pointer|interface \{\}|interface conversion|Go (?:value|struct)|map\[|reflect\.|json: |strconv|<nil>|mapstructure`)

// holdsRules reads a file and holds the answer against what Parse promises.
func holdsRules(t reporter, text []byte) {
	t.Helper()
	jobs, warnings, err := jobfile.Parse("f", bytes.NewReader(text))
	lines := 2 // the end may be said to be on the next one
	for _, end := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
		lines += bytes.Count(text, []byte(end))
	}
	inFile := func(p jobfile.Place) bool { return p.File == "f" && p.Line >= 0 && p.Line <= lines && p.Column >= 0 }
	for _, w := range warnings {
		if !inFile(w.Place) || w.Message == "" {
			t.Fatalf("a warning is %+v", w)
		}
	}
	if err != nil {
		var faults jobfile.Faults
		if !errors.As(err, &faults) || len(faults) == 0 || jobs != nil {
			t.Fatalf("the error is %v, with %d jobs", err, len(jobs))
		}
		if !slices.IsSortedFunc(faults, func(a, b jobfile.Fault) int { return a.Line - b.Line }) {
			t.Fatalf("not in the order of the file:\n%v", err)
		}
		for _, fault := range faults {
			if !inFile(fault.Place) || fault.Message == "" || forProgrammers.MatchString(fault.Message) {
				t.Fatalf("a fault is %+v", fault)
			}
		}
		return
	}
	if len(jobs) == 0 {
		t.Fatal("neither jobs nor faults")
	}
	for _, j := range jobs {
		if faults := j.Validate(); len(faults) > 0 || !j.Default().Equal(j) {
			t.Fatalf("is not complete and valid: %v", faults)
		}
		if _, err := j.Order(); err != nil {
			t.Fatal(err)
		}
		if n := j.Needs(); n.Memory <= 0 || n.CPUs < 0 || n.Local < 0 || n.Shared < 0 {
			t.Fatalf("needs %+v", n)
		}
	}
	roundTrip(t, jobs)
}
