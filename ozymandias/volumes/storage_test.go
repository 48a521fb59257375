package volumes_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/volumes"
)

// shared opens the volumes of a node that has a directory in common with others.
func shared(t *testing.T, own, common string) (*volumes.Store, error) {
	t.Helper()
	return volumes.Open(patient(t), volumes.Options{Dir: own, Shared: common, Cluster: "ours"})
}

// Nodes that have a directory in common call it the same, wherever each has mounted it, and another directory otherwise.
func TestStorage(t *testing.T) {
	dir := t.TempDir()
	const nodes = 8
	var names [nodes]string
	for _, made := range []string{dir + "/nas", dir + "/other"} {
		if err := os.Mkdir(made, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var first sync.WaitGroup
	for i := range names {
		way := filepath.Join(dir, string(rune('a'+i)))
		if err := os.Symlink(dir+"/nas", way); err != nil {
			t.Fatal(err)
		}
		own := place(t)
		first.Go(func() {
			s, err := shared(t, own, way)
			if err != nil {
				t.Error(err)
				return
			}
			names[i] = s.Storage()
		})
	}
	first.Wait()
	for _, name := range names {
		if name == "" || name != names[0] {
			t.Errorf("they call it %q", names)
		}
	}
	left, err := os.ReadDir(dir + "/nas")
	if err != nil || len(left) != 2 {
		t.Errorf("in it are %v, %v; want the two marks", left, err)
	}
	s, err := shared(t, place(t), dir+"/other")
	if err != nil {
		t.Fatal(err)
	}
	if s.Storage() == "" || s.Storage() == names[0] {
		t.Errorf("another one is called %q, too", s.Storage())
	}
	if alone := open(t, place(t)); alone.Storage() != "" {
		t.Errorf("a node by itself has storage %q", alone.Storage())
	}
}

// A directory that was used is not taken for a new one as long as its file system is not mounted: volumes would begin empty there.
func TestStorageNotMounted(t *testing.T) {
	own, nas, mount := place(t), t.TempDir(), t.TempDir()
	bind := func(from string) {
		t.Helper()
		if err := unix.Mount(from, mount, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
	}
	unmount := func() {
		t.Helper()
		if err := unix.Unmount(mount, 0); err != nil {
			t.Fatal(err)
		}
	}
	opens := func(says string) (storage string) {
		t.Helper()
		s, err := shared(t, own, mount)
		switch {
		case says == "" && err != nil:
			t.Fatal(err)
		case says == "":
			return s.Storage()
		case err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), filepath.Join(own, "shared")):
			t.Errorf("opened: %v\nwant: %s", err, says)
		}
		return ""
	}
	bind(nas)
	before := opens("")
	unmount()
	opens("is its file system mounted?")
	empty(t, mount)

	other := t.TempDir()
	if _, err := shared(t, place(t), other); err != nil {
		t.Fatal(err)
	}
	bind(other)
	opens("is the right file system mounted?")
	unmount()

	bind(nas)
	defer unmount()
	if after := opens(""); after != before {
		t.Errorf("it was %s and is %s", before, after)
	}
	// Another directory is a new one, as it is said to be.
	if _, err := shared(t, own, t.TempDir()); err != nil {
		t.Error(err)
	}
}
