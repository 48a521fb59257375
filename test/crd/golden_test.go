package crd

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"teamtask.dev/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// manifest is that of an object; NAME in its spec is the object's name.
func manifest(kind, name, spec string) string {
	return fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\nspec: %s\n", v1alpha1.APIVersion, kind, name, strings.ReplaceAll(spec, "NAME", name))
}

// answerAll checks a golden file: its lines are cases, or comments, and what is indented below a case is the answer to it.
// Each case is answered with a name of its own, which is NAME in the answer.
func answerAll(t *testing.T, file string, answer func(line, name string) string) {
	t.Helper()
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(old)) {
		if !strings.HasPrefix(line, "\t") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	var all sync.WaitGroup
	atOnce := make(chan struct{}, 4)
	for i, line := range lines {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		all.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			name := fmt.Sprintf("case-%d", i)
			said := strings.ReplaceAll(strings.TrimSpace(answer(line, name)), name, "NAME")
			lines[i] += "\n\t" + strings.ReplaceAll(said, "\n", "\n\t")
		})
	}
	all.Wait()
	compare(t, file, strings.Join(lines, "\n")+"\n")
}

// compare compares with a golden file, and tells the first line that differs.
func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s:%d (-update writes it anew)\n got %s\nwant %s", file, i+1, g[i], w[i])
		}
	}
	if len(g) != len(w) {
		t.Fatalf("%s has %d lines, not %d (-update writes it anew)", file, len(w), len(g))
	}
}
