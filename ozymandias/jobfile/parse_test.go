package jobfile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/jobfile"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each bad file has, beside it, everything that is said about it.
func TestFaults(t *testing.T) {
	for _, file := range files(t, "bad/*") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			jobs, _, err := jobfile.Parse(filepath.Base(file), open(t, file))
			var faults jobfile.Faults
			if !errors.As(err, &faults) || jobs != nil {
				t.Fatalf("has %d jobs and the error %v; want faults", len(jobs), err)
			}
			golden(t, file, err.Error()+"\n")
		})
	}
}

// A job file says nothing but jobs: there are no warnings, and what is read is read back from JSON, by this package and by
// encoding/json.
func TestJobFiles(t *testing.T) {
	for _, file := range append(files(t, "good/*"), "testdata/simple-webapp.yaml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			jobs, warnings, err := jobfile.Parse(filepath.Base(file), open(t, file))
			if err != nil || len(warnings) > 0 {
				t.Fatalf("warnings %v, error %v", warnings, err)
			}
			golden(t, file, written(t, jobs))
			roundTrip(t, jobs)
		})
	}
}

// Each compose file has, beside it, the warnings and the jobs it comes to.
func TestComposeFiles(t *testing.T) {
	for _, file := range files(t, "compose/*") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			jobs, warnings, err := jobfile.Parse(filepath.Base(file), open(t, file))
			if err != nil {
				t.Fatal(err)
			}
			var said strings.Builder
			for _, w := range warnings {
				said.WriteString(w.String() + "\n")
			}
			golden(t, file, said.String()+written(t, jobs))
			roundTrip(t, jobs)
		})
	}
}

// The example of the manual is what it says.
func TestSimpleWebapp(t *testing.T) {
	jobs, _, err := jobfile.Parse("simple-webapp.yaml", open(t, "testdata/simple-webapp.yaml"))
	if err != nil || len(jobs) != 1 {
		t.Fatal(jobs, err)
	}
	j := jobs[0]
	app := j.Containers["app"]
	want := job.Needs{Memory: 6e9, Local: 10e9 + 100e6, Shared: 1e9}
	if j.Name != "simple-webapp" || j.Instances() != 3 || j.Needs() != want || app.DependsOn["db"].Condition != job.Started || app.Healthcheck.Interval.String() != "1m" {
		t.Errorf("is %s", written(t, jobs))
	}
}

// What others find wrong with a job is told at its place in the file.
func TestAt(t *testing.T) {
	file, err := jobfile.Read("two.yaml", strings.NewReader(`name: first
containers: {a: {image: a}}
---
name: second
sidecars:
  - envoy
  - envoi
containers: {a: {image: a, ports: ["80:80"]}}
`))
	if err != nil {
		t.Fatal(err)
	}
	compose, err := jobfile.Read("compose.yaml", strings.NewReader(`services:
  web:
    image: web
    restart: always
    ports: ["80:80"]
    x-ozymandias:
      sidecars: [envoi]
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		of   *jobfile.File
		job  int
		path string
		want string
	}{
		{file, 0, "sidecars[0]", "two.yaml:1:1: sidecars[0]: wrong"}, // it is not there
		{file, 1, "sidecars[1]", "two.yaml:7:5: sidecars[1]: wrong"},
		{file, 1, "containers.a.ports[0]", "two.yaml:8:36: containers.a.ports[0]: wrong"},
		{compose, 0, "sidecars[0]", "compose.yaml:7:18: services.web.x-ozymandias.sidecars[0]: wrong"},
		{compose, 0, "containers.web.ports[0]", "compose.yaml:5:13: services.web.ports[0]: wrong"},
	} {
		if got := c.of.At(c.job, []job.Fault{{Path: c.path, Message: "wrong"}}).Error(); got != c.want {
			t.Errorf("%s of job %d: %s; want %s", c.path, c.job, got, c.want)
		}
	}
}

// What is no YAML is found on its line, also where the parser does not say it, or counts from 0.
func TestNoYAML(t *testing.T) {
	for text, want := range map[string]string{
		"name: a\nb: c\nx: \xff\n": "a.yaml:3:4: is no YAML: invalid leading UTF-8 octet",
		"name: a\nb: c\nx: \x01\n": "a.yaml:3:4: is no YAML: control characters are not allowed",
		"name: a\nb: [c\n\n":       "a.yaml:2: is no YAML: did not find expected ',' or ']'",
		"name: a\nb: c\n d: e\n":   "a.yaml:3: is no YAML: mapping values are not allowed in this context",
		"a: b: c\n":                "a.yaml:1: is no YAML: mapping values are not allowed in this context",
		"- a\nb: c\n":              "a.yaml:2: is no YAML: did not find expected '-' indicator",
		"{a b}: }\n":               "a.yaml:1: is no YAML: did not find expected node content",
		"a: é\n\nb: é *x\nc: *x\n": "a.yaml:3:6: is no YAML: there is no anchor &x before this",
	} {
		if _, _, err := jobfile.Parse("a.yaml", strings.NewReader(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v; want %s", text, err, want)
		}
	}
}

func TestTooLong(t *testing.T) {
	long := "name: a\ncontainers: {a: {image: a}} # " + strings.Repeat("x", jobfile.MaxSize)
	_, _, err := jobfile.Parse("long.yaml", strings.NewReader(long))
	if err == nil || err.Error() != "long.yaml: is longer than 1Mi: split it, or put data into a volume or the image" {
		t.Error(err)
	}
	if _, _, err := jobfile.Parse("fits.yaml", strings.NewReader(long[:jobfile.MaxSize])); err != nil {
		t.Error(err)
	}
}

func TestReadingFails(t *testing.T) {
	_, _, err := jobfile.Parse("a.yaml", broken{})
	if !errors.Is(err, errBroken) || errors.As(err, new(jobfile.Faults)) {
		t.Errorf("the error is %v; want what the reader said, and no fault of the file", err)
	}
}

type broken struct{}

var errBroken = errors.New("the pipe is broken")

func (broken) Read([]byte) (int, error) { return 0, errBroken }

// Small files that would be endless if they were written out are refused at once.
func TestEndless(t *testing.T) {
	bomb := "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n"
	for i := range 12 {
		bomb += fmt.Sprintf("x%d: &x%d [*x%d, *x%d, *x%d, *x%d, *x%d, *x%d, *x%d, *x%d]\n", i+1, i+1, i, i, i, i, i, i, i, i)
	}
	for name, text := range map[string]string{
		"within itself":          "name: &a [*a]",
		"merged into itself":     "containers: &a {<<: *a}",
		"services in themselves": "services: &a {web: *a}",
		"aliases of aliases":     bomb,
		"deep":                   strings.Repeat("[", 9000) + strings.Repeat("]", 9000),
		"deep in services":       "services: {a: {image: " + strings.Repeat("[", 200) + "$" + strings.Repeat("]", 200) + "}}",
	} {
		var faults jobfile.Faults
		if _, _, err := jobfile.Parse("a.yaml", strings.NewReader(text)); !errors.As(err, &faults) || len(faults) > 3 {
			t.Errorf("%s: error %v; want few faults", name, err)
		}
	}
}

// At some point there is something else the matter with a file.
func TestFaultsEnd(t *testing.T) {
	var faults jobfile.Faults
	_, _, err := jobfile.Parse("a.yaml", strings.NewReader("[a]\n"+strings.Repeat("---\n[a]\n", 500)))
	if !errors.As(err, &faults) || len(faults) != 100 {
		t.Errorf("there are %d faults; want 100", len(faults))
	}
}

func TestJSON(t *testing.T) {
	for name, value := range map[string]string{
		"surrogates": `"\ud83d\ude00"`, "half": `"\ud83d"`, "other half first": `"\ude00\ud83d"`, "delete": "\"\x7f\"", "separators": `"\u2028"`, "raw separators": "\"\u2028\u0085\ufeff\ufffe\"",
		"escapes": `"\\u0041 \/ \" \b\f\n\r\t"`, "emoji": `"😀"`, "tab": "\t\t\"a\"", "escaped backslash": `"\\\ud83d\ude00"`, "invalid": "\"\xff\"",
	} {
		text := "{\n\t\"name\": \"a\",\n\t\"containers\": {\"a\": {\"image\": \"i\", \"environment\": {\"A\": " + value + "}}}\n}"
		var want job.Job
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(name, err)
		}
		jobs, _, err := jobfile.Parse("a.json", strings.NewReader(text))
		if err != nil || !reflect.DeepEqual(jobs, []job.Job{want.Default()}) {
			t.Errorf("%s: is %+v, %v; want %q", name, jobs, err, want.Containers["a"].Environment["A"])
		}
	}
}

// roundTrip holds jobs against what is read back from their JSON.
func roundTrip(t reporter, jobs []job.Job) {
	t.Helper()
	for _, j := range jobs {
		text, err := json.Marshal(j)
		if err != nil {
			t.Fatal(err)
		}
		var again job.Job
		if err := json.Unmarshal(text, &again); err != nil || !again.Equal(j) {
			t.Errorf("is read back by encoding/json as %+v, %v\nfrom %s", again, err, text)
		}
		parsed, _, err := jobfile.Parse("again.json", bytes.NewReader(text))
		if err != nil || len(parsed) != 1 || !parsed[0].Equal(j) || parsed[0].Revision() != j.Revision() {
			t.Errorf("is read back as %+v, %v\nfrom %s", parsed, err, text)
		}
	}
}

// golden compares with the file of the same name and the ending .txt.
func golden(t *testing.T, file, got string) {
	t.Helper()
	name := strings.TrimSuffix(file, filepath.Ext(file)) + ".txt"
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("is\n%s\nwant\n%s", got, want)
	}
}

// files of testdata, of those that are read and not of those that hold what is expected.
func files(t *testing.T, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/" + pattern + "[nl]") // .yaml and .json
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(all), err)
	}
	return all
}

func open(t *testing.T, file string) *os.File {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func written(t *testing.T, jobs []job.Job) string {
	t.Helper()
	b, err := json.MarshalIndent(jobs, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}
