package lockfile_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/lockfile"
)

// One has it at a time; and once it is released it can be taken, also if a process that is being started still has the file.
func TestTake(t *testing.T) {
	dir := t.TempDir()
	release, err := lockfile.Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockfile.Take(dir); !errors.Is(err, lockfile.ErrTaken) {
		t.Errorf("it was taken twice: %v", err)
	}
	started := inherit(t, filepath.Join(dir, "lock"))
	release()
	again, err := lockfile.Take(dir)
	if err != nil {
		t.Fatalf("it was released: %v", err)
	}
	again()
	if err := unix.Close(started); err != nil {
		t.Error(err)
	}
	if _, err := lockfile.Take(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// inherit is an open file once more, as a process has it that was started from this one.
func inherit(t *testing.T, name string) int {
	t.Helper()
	open, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range open {
		if to, err := os.Readlink(link); err == nil && to == name {
			var fd int
			if _, err := fmt.Sscan(filepath.Base(link), &fd); err != nil {
				t.Fatal(err)
			}
			if fd, err = unix.Dup(fd); err != nil {
				t.Fatal(err)
			}
			return fd
		}
	}
	t.Fatalf("%s is not open", name)
	return 0
}
