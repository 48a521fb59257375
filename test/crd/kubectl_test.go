package crd

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/items"
)

// word finds the words of a command line; some are in single quotes.
var word = regexp.MustCompile(`'([^']*)'|[^ ']+`)

// age finds what changes from one run to the next, how old an object is, and how wide the column is for that; end finds spaces
// at the ends of lines.
var (
	age = regexp.MustCompile(`(?m) (?:AGE|(?:[0-9]+[smh]){1,2})(?: +|$)`)
	end = regexp.MustCompile(`(?m) +$`)
)

// What people do with kubectl, and what they see: testdata/kubectl.txt is a session.
func TestKubectl(t *testing.T) {
	const file = "testdata/kubectl.txt"
	if _, err := running.Kubectl(t.Context(), "create", "namespace", "session"); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var session strings.Builder
	for line := range strings.Lines(string(old)) {
		if strings.HasPrefix(line, "#") || line == "\n" {
			session.WriteString(line)
		}
		line = strings.TrimSpace(line)
		command, ok := strings.CutPrefix(line, "$ kubectl ")
		if !ok {
			continue
		}
		var args []string
		for _, m := range word.FindAllStringSubmatch(command, -1) {
			if m[1] != "" {
				m[0] = m[1]
			}
			args = append(args, m[0])
		}
		out, err := running.Kubectl(t.Context(), append([]string{"--namespace=session"}, args...)...)
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		for row := range strings.Lines(out) {
			if args[0] == "get" && !strings.Contains(command, "wide") && len(row) > 81 {
				t.Errorf("%s: %q is wider than a terminal of 80 columns", line, row)
			}
		}
		out = end.ReplaceAllString(age.ReplaceAllString(strings.TrimRight(out, "\n"), " AGE   "), "")
		fmt.Fprintf(&session, "%s\n%s\n", line, out)
	}
	compare(t, file, session.String())
}

// `kubectl explain` has a sentence for each field of ours, which begins with the field's name.
func TestExplain(t *testing.T) {
	for plural := range kinds {
		schema := readSchema(t, plural)
		explained := 0
		for _, part := range []string{"spec", "status"} {
			for name, p := range schema.Properties[part].Properties {
				explained++
				if !strings.HasPrefix(p.Description, name+" ") {
					t.Errorf("%s.%s.%s: %q", plural, part, name, p.Description)
				}
			}
		}
		if explained < len(schema.Properties["spec"].Properties) || explained < 5 {
			t.Errorf("%s: only %d fields", plural, explained)
		}
	}
	out, err := running.Kubectl(t.Context(), "explain", "worklist.spec.block")
	if err != nil || !strings.Contains(out, "timeout is how long a worker may hold a block without renewing its lease.") {
		t.Errorf("%s, %v", out, err)
	}
}

// A status as large as they get is taken.
func TestLargeStatus(t *testing.T) {
	if err := running.Apply(t.Context(), manifest(v1alpha1.WorklistKind, "large", "{size: 9007199254740991}")); err != nil {
		t.Fatal(err)
	}
	status := v1alpha1.WorklistStatus{Size: items.MaxLen, Next: items.MaxLen}
	for i := range int64(10_000) {
		r := v1alpha1.Range{Index: i * 1e9, Size: 1e8}
		status.DoneRanges = append(status.DoneRanges, r)
		if i < 100 {
			status.Found = append(status.Found, v1alpha1.Found{Index: r.Index, Value: strings.Repeat("x", 1000), Worker: "worker"})
		}
		if i < 2000 {
			status.FailedRanges = append(status.FailedRanges, v1alpha1.FailedRange{Range: r, Attempts: 3, Reason: "exit status 1"})
			status.RetryRanges = append(status.RetryRanges, v1alpha1.RetryRange{Range: r, Attempts: 3})
			status.Handouts = append(status.Handouts, v1alpha1.Handout{Range: r, Block: "b", UID: "u", Turn: 1, Worker: "w", Attempt: 1})
		}
	}
	raw, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := running.Kubectl(t.Context(), "patch", "worklist", "large", "--subresource=status", "--type=merge", "--patch-file="+write(t, string(raw))); err != nil {
		t.Fatalf("%d bytes: %.1000v", len(raw), err)
	}
}
