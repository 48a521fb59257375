package ozymandias

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/jobfile"
	"teamtask.dev/test/image"
)

const page = "../../docs/ozymandias.md"

// fenced finds the code in a page: its language and its text.
var fenced = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")

func readPage(t *testing.T) (text string, yaml, sh []string) {
	t.Helper()
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fenced.FindAllStringSubmatch(string(b), -1) {
		switch language, code := m[1], m[2]; language {
		case "yaml":
			yaml = append(yaml, code)
		case "sh":
			sh = append(sh, code)
		default:
			t.Errorf("a block in %s: nothing is known of how to try it", language)
		}
	}
	return string(b), yaml, sh
}

// All job files of the page are read, and whatever a job file may say is in one of them, or else has a section.
func TestPageJobFiles(t *testing.T) {
	text, files, _ := readPage(t)
	for _, file := range files {
		_, warnings, err := jobfile.Parse("page.yaml", strings.NewReader(file))
		if err != nil {
			t.Errorf("%v in\n%s", err, file)
		}
		if len(warnings) > 0 {
			t.Errorf("%v in\n%s", warnings, file)
		}
	}
	all := strings.Join(files, "\n")
	for _, field := range fields(reflect.TypeFor[job.Job]()) {
		if !regexp.MustCompile(`\b`+field+`:`).MatchString(all) && !strings.Contains(text, "`"+field+"`") {
			t.Errorf("the page does not tell of %s", field)
		}
	}
}

// The job of the README is one.
func TestReadmeJobFile(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?ms)^```\n(name: .*?)^```$").FindSubmatch(b)
	if found == nil {
		t.Fatal("there is none")
	}
	if _, warnings, err := jobfile.Parse("README.md", strings.NewReader(string(found[1]))); err != nil || len(warnings) > 0 {
		t.Error(err, warnings)
	}
}

// fields are the names of all fields of a type, and of those within.
func fields(of reflect.Type) (names []string) {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return fields(of.Elem())
	case reflect.Struct:
		for field := range of.Fields() {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
				names = append(append(names, name), fields(field.Type)...)
			}
		}
	}
	return names
}

// The page's commands work as they stand there, one after the other on one node, whose run directory is not the usual one.
func TestPage(t *testing.T) {
	t.Parallel()
	_, files, commands := readPage(t)
	archive := webapp(t) // the site has so much time, and this may take long the first time
	site := newWorkSite(t)
	site.oz("image", "load", archive)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "simple-webapp.yaml"), []byte(files[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	script := "set -x\n" + strings.ReplaceAll(strings.Join(commands, "\n"), "ADDRESS", site.machine.Address.String())
	c := site.machine.Command("timeout", fmt.Sprint(2*patience.Seconds()), "bash", "-euo", "pipefail", "-c", script)
	c.Dir = dir
	c.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "OZYMANDIAS_RUN_DIR="+site.dir+"/run")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
}

// webapp builds the image that the page speaks of.
func webapp(t *testing.T) (archive string) {
	t.Helper()
	dir := t.TempDir()
	if err := image.Program(t.Context(), "teamtask.dev/examples/webapp", filepath.Join(dir, "webapp")); err != nil {
		t.Fatal(err)
	}
	archive = filepath.Join(dir, "webapp.tar")
	if err := image.Build(t.Context(), "web-app-image", "../../examples/webapp/Dockerfile", dir, archive); err != nil {
		t.Fatal(err)
	}
	return archive
}
