package volumes_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/volumes"
)

// room is how much can be written to the file system of a directory.
func room(t *testing.T, path string) int64 {
	t.Helper()
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		t.Fatal(err)
	}
	return int64(s.Bavail) * s.Bsize
}

// taken is how much disk a volume's file takes.
func taken(t *testing.T, path string) int64 {
	t.Helper()
	var s unix.Stat_t
	if err := unix.Stat(filepath.Dir(filepath.Dir(path))+"/disk", &s); err != nil {
		t.Fatal(err)
	}
	return s.Blocks * 512
}

// fill writes to a new file until there is an error, at most so many bytes, and returns how many went in.
func fill(t *testing.T, path string, most int64) (n int64, err error) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	piece := make([]byte, 1<<20)
	for i := range piece {
		piece[i] = byte(i * 31)
	}
	for n < most && err == nil {
		var written int
		written, err = f.Write(piece[:min(most-n, int64(len(piece)))])
		n += int64(written)
	}
	if err == nil {
		err = f.Sync()
	}
	return n, err
}

// A volume has room for what was asked for, and for little more; and the disk has the room that the volume has, from the beginning and
// whatever is written and deleted.
func TestSpace(t *testing.T) {
	for _, space := range []int64{mega, 7_654_321, 100 * mega, 150 << 20} {
		t.Run(fmt.Sprint(space), func(t *testing.T) {
			s := open(t, place(t))
			v := volume("data", space)
			path := ensure(t, s, v)
			if got := room(t, path); got < space || got > volumes.Size(space) {
				t.Errorf("there is room for %d bytes, of %d asked for", got, space)
			}
			promised := func(when string) {
				t.Helper()
				if got := taken(t, path); got < volumes.Size(space) {
					t.Errorf("%s the disk has %d bytes for it, want %d", when, got, volumes.Size(space))
				}
			}
			promised("at first")
			if n, err := fill(t, path+"/file", space); err != nil {
				t.Errorf("of %d bytes %d could be written: %v", space, n, err)
			}
			n, err := fill(t, path+"/more", volumes.Size(space))
			if !errors.Is(err, unix.ENOSPC) || space+n > volumes.Size(space) {
				t.Errorf("beyond its space %d bytes could be written: %v", n, err)
			}
			if err := errors.Join(os.Remove(path+"/file"), os.Remove(path+"/more")); err != nil {
				t.Fatal(err)
			}
			f, err := os.Create(path + "/prepared") // ext4 writes zeros to parts of it, which a loop device turns into holes
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if err := unix.Fallocate(int(f.Fd()), 0, 0, space/2); err != nil {
				t.Fatal(err)
			}
			for at := int64(5000); at < space/2; at += 100_000 {
				if _, err := f.WriteAt([]byte("x"), at); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(f.Sync(), f.Close()); err != nil {
				t.Fatal(err)
			}
			ensure(t, s, v)
			promised("in the end")
		})
	}
}

// A volume can be made larger, with all that is in it. Smaller it does not get.
func TestGrow(t *testing.T) {
	dir := place(t)
	s := open(t, dir)
	path := ensure(t, s, volume("data", mega))
	write(t, path+"/file", "kept")
	for _, space := range []int64{40 * mega, 41 * mega, 200 * mega} {
		if got := ensure(t, s, volume("data", space)); got != path {
			t.Errorf("it was at %s and is at %s", path, got)
		}
		has(t, path+"/file", "kept")
		if got := room(t, path); got < space || got > volumes.Size(space) {
			t.Errorf("there is room for %d bytes, of %d asked for", got, space)
		}
		if got := taken(t, path); got < volumes.Size(space) {
			t.Errorf("the disk has %d bytes for it, want %d", got, volumes.Size(space))
		}
		all(t, s, volume("data", space))
	}
	ensure(t, s, volume("data", mega))
	all(t, s, volume("data", 200*mega))
	all(t, open(t, dir), volume("data", 200*mega))
	if got := room(t, path); got < 200*mega {
		t.Errorf("there is room for %d bytes", got)
	}
}

// A volume that is in use is made larger nevertheless where the kernel lets root do so. Elsewhere the error says that it is in use, all
// stays as it was, and it is made larger once it is free.
func TestGrowInUse(t *testing.T) {
	s := open(t, place(t))
	path := ensure(t, s, volume("data", mega))
	f, err := os.Create(path + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = s.Ensure(patient(t), volume("data", 40*mega))
	if mayResize(t) != (err == nil) {
		t.Errorf("Ensure() = %v", err)
	}
	if _, err := f.WriteString("kept"); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		all(t, s, volume("data", mega))
	}
	ensure(t, s, volume("data", mega)) // as before is always possible
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	ensure(t, s, volume("data", 40*mega))
	if got := room(t, path); got < 40*mega {
		t.Errorf("there is room for %d bytes", got)
	}
	has(t, path+"/file", "kept")
}

// mayResize tells whether this process has CAP_SYS_RESOURCE.
func mayResize(t *testing.T) bool {
	t.Helper()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		t.Fatal(err)
	}
	return have[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}

// On a disk that is full nothing is made and nothing grows, nothing is left of the attempt, and those that there are have what they were
// promised.
func TestFullDisk(t *testing.T) {
	outer := open(t, place(t))
	machine := ensure(t, outer, volume("machine", 100*mega)) // its directory is the disk
	dir := machine + "/volumes"
	s := open(t, dir)
	t.Cleanup(func() { clean(t, dir) })
	path := ensure(t, s, volume("data", 30*mega))
	if _, err := s.Ensure(patient(t), volume("more", 90*mega)); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Ensure() = %v", err)
	}
	write(t, path+"/file", "kept")
	before := taken(t, path)
	if _, err := s.Ensure(patient(t), volume("data", 140*mega)); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Ensure() = %v", err)
	}
	if after := taken(t, path); after > before {
		t.Errorf("the disk had %d bytes for it, and has %d", before, after)
	}
	all(t, s, volume("data", 30*mega))
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("there are %v, %v", entries, err)
	}
	if _, err := fill(t, machine+"/full", 1<<40); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	ensure(t, s, volume("data", 30*mega))
	has(t, path+"/file", "kept")
	if n, err := fill(t, path+"/data", 30*mega-4096); err != nil {
		t.Errorf("on a full disk %d bytes could be written: %v", n, err)
	}
	if _, err := s.Ensure(patient(t), volume("tiny", mega)); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Ensure() = %v", err)
	}
	all(t, s, volume("data", 30*mega))
	remove(t, s, volume("data", 0))
	ensure(t, s, volume("tiny", mega))
}

// Nothing is asked for that no disk can have.
func TestTooLarge(t *testing.T) {
	dir := place(t)
	s := open(t, dir)
	for _, space := range []int64{1 << 50, 1<<63 - 1} {
		if path, err := s.Ensure(patient(t), volume("data", space)); err == nil {
			t.Errorf("there is a volume of %d bytes at %s", space, path)
		}
	}
	empty(t, dir)
	all(t, s, []schedule.Volume(nil)...)
}
