// Package storytest runs tests that are told as stories in text files, with the answers beside the questions.
package storytest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the answers of stories anew")

// Run tells all stories of the files. They stand apart by empty lines, and begin with a title behind "# ". tell returns a story with the
// answers as they are now; a story that was told otherwise is a failure, or is written anew with -update.
func Run(t *testing.T, files string, tell func(t *testing.T, text string) string) {
	t.Helper()
	names, err := filepath.Glob(files)
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	for _, file := range names {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		stories := strings.Split(strings.TrimSpace(string(data)), "\n\n")
		for _, text := range stories {
			title, _, _ := strings.Cut(text, "\n")
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txt")+"/"+strings.TrimPrefix(title, "# "), func(t *testing.T) {
				told := tell(t, text)
				if told != text && !*update {
					t.Errorf("the story is now\n%s\nand was\n%s", told, text)
				}
				out = append(out, told)
			})
		}
		if *update && len(out) == len(stories) { // not if -run left some out
			if err := os.WriteFile(file, []byte(strings.Join(out, "\n\n")+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Script tells stories in which each line is answered by the lines below it that begin with ">". begin begins a story, and returns what
// answers its lines, one after the other.
func Script(t *testing.T, files string, begin func(t *testing.T) (answer func(line string) []string)) {
	t.Helper()
	Run(t, files, func(t *testing.T, text string) string {
		var told []string
		defer func() {
			if t.Failed() {
				t.Logf("as far as it was told:\n%s", strings.Join(told, "\n"))
			}
		}()
		answer := begin(t)
		for line := range strings.SplitSeq(text, "\n") {
			if strings.HasPrefix(line, ">") {
				continue
			}
			told = append(told, line)
			if strings.HasPrefix(line, "#") {
				continue
			}
			for _, a := range answer(line) {
				told = append(told, "> "+a)
			}
		}
		return strings.Join(told, "\n")
	})
}
