package main

import (
	"os"
	"path/filepath"
	"testing"
)

// An earlier backup is there until a later one is, on the disk.
func TestKeep(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "backup.json")
	begin := func(text string) *os.File {
		t.Helper()
		f, err := os.CreateTemp(dir, ".backup-*")
		if err == nil {
			_, err = f.WriteString(text)
		}
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	if err := keep(begin("first"), name); err != nil {
		t.Fatal(err)
	}
	unsynced := begin("second")
	if err := unsynced.Close(); err != nil {
		t.Fatal(err)
	}
	if err := keep(unsynced, name); err == nil {
		t.Error("what is not known to be on the disk is kept")
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "first" {
		t.Errorf("the backup is %q, %v", text, err)
	}
	if err := keep(begin("third"), name); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "third" {
		t.Errorf("the backup is %q, %v", text, err)
	}
}
