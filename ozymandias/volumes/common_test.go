package volumes_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/volumes"
)

// The shared volumes of nodes that have a directory in common are there, and the same for all of them; those of instances are not.
func TestShared(t *testing.T) {
	common := t.TempDir()
	var nodes []*volumes.Store
	for range 3 {
		s, err := volumes.Open(patient(t), volumes.Options{Dir: place(t), Shared: common})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, s)
	}
	v := schedule.Volume{Instance: schedule.Instance{Job: "019a-uid"}, Name: "uploads", Space: mega}
	ctx := patient(t)
	var asked sync.WaitGroup
	for _, s := range nodes {
		asked.Go(func() {
			if _, err := s.Ensure(ctx, v); err != nil {
				t.Error(err)
			}
		})
	}
	asked.Wait()
	path := ensure(t, nodes[0], v)
	status, err := os.Stat(path)
	if err != nil || status.Mode() != os.ModeDir|0o777 {
		t.Errorf("the directory is %v, %v", status.Mode(), err)
	}
	if err := os.Chmod(path, 0o750); err != nil {
		t.Fatal(err)
	}
	write(t, path+"/file", "shared")
	larger := v
	larger.Space = 2 * mega
	has(t, ensure(t, nodes[1], larger)+"/file", "shared")
	has(t, ensure(t, nodes[2], v)+"/file", "shared")
	if status, err := os.Stat(path); err != nil || status.Mode().Perm() != 0o750 {
		t.Errorf("the directory became %v, %v", status.Mode(), err)
	}
	own := volume("data", mega)
	ensure(t, nodes[0], own)
	all(t, nodes[0], own)
	all(t, nodes[1])
	for _, s := range nodes {
		if got, err := s.Shared(); err != nil || !reflect.DeepEqual(got, []schedule.Volume{larger}) {
			t.Errorf("Shared() = %+v, %v", got, err)
		}
		if err := s.Remove(patient(t), v); err != nil {
			t.Error(err)
		}
	}
	has(t, path+"/file", "shared")
	for _, s := range nodes {
		asked.Go(func() {
			if err := s.RemoveShared(ctx, v); err != nil {
				t.Error(err)
			}
		})
	}
	asked.Wait()
	empty(t, common)
}

// A node by itself has its shared volumes as it has the others.
func TestSharedByItself(t *testing.T) {
	s := open(t, place(t))
	v := schedule.Volume{Instance: schedule.Instance{Job: "019a-uid"}, Name: "uploads", Space: mega}
	path := ensure(t, s, v)
	if got := room(t, path); got < mega || got > volumes.Size(mega) {
		t.Errorf("there is room for %d bytes", got)
	}
	all(t, s, v)
	if got, err := s.Shared(); err != nil || len(got) > 0 {
		t.Errorf("Shared() = %+v, %v", got, err)
	}
}

// A file system may go while the node runs. Then nothing is made below its mount point, and what was there cannot be reached.
func TestSharedUnmounted(t *testing.T) {
	dir := t.TempDir()
	common, aside := filepath.Join(dir, "common"), filepath.Join(dir, "aside")
	if err := os.Mkdir(common, 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := volumes.Open(patient(t), volumes.Options{Dir: dir + "/own", Shared: common, Cluster: "ours"})
	if err != nil {
		t.Fatal(err)
	}
	v := schedule.Volume{Instance: schedule.Instance{Job: "019a-uid"}, Name: "uploads", Space: mega}
	if err := s.Reach(v); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("one that was never made is reached: %v", err)
	}
	path := ensure(t, s, v)
	if err := s.Reach(v); err != nil {
		t.Error(err)
	}
	if err := errors.Join(os.Rename(common, aside), os.Mkdir(common, 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := s.Reach(v); err == nil || !strings.Contains(err.Error(), "is its file system mounted?") {
		t.Errorf("without its file system it is reached: %v", err)
	}
	if _, err := s.Ensure(patient(t), v); err == nil || !strings.Contains(err.Error(), "is its file system mounted?") {
		t.Errorf("without its file system it is made: %v", err)
	}
	empty(t, common)
	if err := errors.Join(os.Remove(common), os.Rename(aside, common)); err != nil {
		t.Fatal(err)
	}
	if err := s.Reach(v); err != nil || ensure(t, s, v) != path {
		t.Error(err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err := s.Reach(v); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("one whose data somebody has removed is reached: %v", err)
	}
}

// A directory that is not there may be one whose file system is not mounted: it is not made.
func TestSharedMissing(t *testing.T) {
	dir := t.TempDir()
	if _, err := volumes.Open(patient(t), volumes.Options{Dir: dir + "/own", Shared: dir + "/nfs/volumes"}); err == nil {
		t.Error("Open() is no error")
	}
	if err := os.Mkdir(dir+"/common", 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := volumes.Open(patient(t), volumes.Options{Dir: dir + "/own", Shared: dir + "/common"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir + "/common"); err != nil {
		t.Fatal(err)
	}
	if path, err := s.Ensure(patient(t), schedule.Volume{Instance: schedule.Instance{Job: "019a-uid"}, Name: "uploads", Space: mega}); err == nil {
		t.Errorf("Ensure() = %s", path)
	}
}
