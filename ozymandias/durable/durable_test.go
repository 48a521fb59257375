package durable_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/durable"
)

// An earlier file is there until a later one is, on the disk; and what is begun is known by its name.
func TestKeep(t *testing.T) {
	name := filepath.Join(t.TempDir(), "backup.json")
	begin := func(text string) *os.File {
		t.Helper()
		f, err := durable.Create(name)
		if err == nil {
			_, err = f.WriteString(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		if status, err := f.Stat(); err != nil || status.Mode().Perm() != 0o600 || !strings.HasPrefix(f.Name(), name+".") {
			t.Errorf("%s is begun, %v, %v", f.Name(), status, err)
		}
		return f
	}
	if err := durable.Keep(begin("first"), name); err != nil {
		t.Fatal(err)
	}
	unsynced := begin("second")
	if err := unsynced.Close(); err != nil {
		t.Fatal(err)
	}
	if err := durable.Keep(unsynced, name); err == nil {
		t.Error("what is not known to be on the disk is kept")
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "first" {
		t.Errorf("the backup is %q, %v", text, err)
	}
	if err := durable.Keep(begin("third"), name); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "third" {
		t.Errorf("the backup is %q, %v", text, err)
	}
}

// A write leaves the file and nothing else, also one that fails.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first", "second"} {
		if err := durable.Write(filepath.Join(dir, "file"), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "file")); err != nil || string(got) != text {
			t.Errorf("the file is %q, %v; want %q", got, err, text)
		}
	}
	if err := durable.Write(filepath.Join(dir, "directory"), []byte("text")); err == nil {
		t.Error("a file has taken the place of a directory")
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("there are %v, %v", entries, err)
	}
}
