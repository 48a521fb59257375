package volumes_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/volumes"
)

const mega = 1_000_000

// patient is a context with the patience that a slow machine asks for.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// place is a directory for volumes. What is still mounted or has a loop device at the end, after an orderly removal of all there is, is
// the test's fault.
func place(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { clean(t, dir) })
	return dir
}

func clean(t *testing.T, dir string) {
	t.Helper()
	ctx := context.WithoutCancel(patient(t))
	s, err := volumes.Open(ctx, volumes.Options{Dir: dir})
	if err != nil {
		t.Error(err)
		return
	}
	for _, v := range s.All() {
		if err := s.Remove(ctx, v); err != nil {
			t.Error(err)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); strings.HasPrefix(fields[1], dir+"/") {
			t.Errorf("%s is left mounted on %s", fields[0], fields[1])
			if err := unix.Unmount(fields[1], unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		}
	}
	if left := devices(t, dir); len(left) > 0 {
		t.Errorf("there are still devices for %q", left)
	}
}

// devices are the files below a directory that loop devices have.
func devices(t *testing.T, dir string) (files []string) {
	t.Helper()
	names, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(b), dir+"/") {
			files = append(files, strings.TrimSpace(string(b)))
		}
	}
	return files
}

func open(t *testing.T, dir string) *volumes.Store {
	t.Helper()
	s, err := volumes.Open(patient(t), volumes.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func volume(name string, space int64) schedule.Volume {
	return schedule.Volume{Instance: schedule.Instance{Job: "019a-uid", ID: "0"}, Name: name, Space: space}
}

func ensure(t *testing.T, s *volumes.Store, v schedule.Volume) string {
	t.Helper()
	path, err := s.Ensure(patient(t), v)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func remove(t *testing.T, s *volumes.Store, v schedule.Volume) {
	t.Helper()
	if err := s.Remove(patient(t), v); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func has(t *testing.T, path, text string) {
	t.Helper()
	if b, err := os.ReadFile(path); err != nil || string(b) != text {
		t.Errorf("%s has %q, %v; want %q", path, b, err, text)
	}
}

func all(t *testing.T, s *volumes.Store, want ...schedule.Volume) {
	t.Helper()
	if got := s.All(); !reflect.DeepEqual(got, want) {
		t.Errorf("All() = %+v, want %+v", got, want)
	}
}

// empty tells that there is nothing in a directory.
func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("in %s there is %v, %v", dir, entries, err)
	}
}

// A volume is made, keeps what is written through restarts of the node and of the machine, and goes.
func TestVolume(t *testing.T) {
	dir := place(t)
	s := open(t, dir)
	v := volume("data", 2*mega)
	path := ensure(t, s, v)
	empty(t, path)
	status, err := os.Stat(path)
	if err != nil || status.Mode() != os.ModeDir|0o777 {
		t.Errorf("the directory is %v, %v", status.Mode(), err)
	}
	write(t, path+"/file", "kept")
	if again := ensure(t, s, v); again != path {
		t.Errorf("it was at %s and is at %s", path, again)
	}
	if n := len(devices(t, dir)); n != 1 {
		t.Errorf("it has %d devices", n)
	}
	all(t, s, v)

	s = open(t, dir) // the node begins anew: it is still mounted
	has(t, path+"/file", "kept")
	all(t, s, v)
	ensure(t, s, v)
	if n := len(devices(t, dir)); n != 1 {
		t.Errorf("it has %d devices", n)
	}

	if err := s.Close(patient(t)); err != nil { // the machine begins anew: nothing is mounted
		t.Fatal(err)
	}
	if left := devices(t, dir); len(left) > 0 {
		t.Errorf("after Close there are devices for %q", left)
	}
	s = open(t, dir)
	all(t, s, v)
	has(t, ensure(t, s, v)+"/file", "kept")

	remove(t, s, v)
	remove(t, s, v)
	all(t, s)
	empty(t, dir)
	empty(t, ensure(t, s, v))
}

// Volumes have no devices and no programs that run as their owner, turn read-only at the first error, and are not zeroed in advance, which
// would give blocks back.
func TestMountOptions(t *testing.T) {
	path := ensure(t, open(t, place(t)), volume("data", mega))
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); fields[1] == filepath.Dir(path) {
			for _, want := range []string{"rw", "nodev", "nosuid", "errors=remount-ro", "noinit_itable"} {
				if !slices.Contains(strings.Split(fields[3], ","), want) {
					t.Errorf("it is mounted %s, without %s", fields[3], want)
				}
			}
			return
		}
	}
	t.Error("it is not mounted")
}

// What a program makes of its directory stays so.
func TestOwner(t *testing.T) {
	s := open(t, place(t))
	v := volume("data", mega)
	path := ensure(t, s, v)
	if err := errors.Join(os.Chown(path, 999, 998), os.Chmod(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(patient(t)); err != nil {
		t.Fatal(err)
	}
	status, err := os.Stat(ensure(t, s, v))
	if err != nil {
		t.Fatal(err)
	}
	if own := status.Sys().(*syscall.Stat_t); own.Uid != 999 || own.Gid != 998 || status.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v of %d:%d", status.Mode(), own.Uid, own.Gid)
	}
}

// Only root gets into volumes from outside a container, as within everybody may write.
func TestPrivate(t *testing.T) {
	dir := filepath.Join(place(t), "volumes")
	path := ensure(t, open(t, dir), volume("data", mega))
	t.Cleanup(func() { clean(t, dir) })
	for _, private := range []string{dir, filepath.Dir(filepath.Dir(path))} {
		if status, err := os.Stat(private); err != nil || status.Mode().Perm() != 0o700 {
			t.Errorf("%s is %v, %v", private, status.Mode(), err)
		}
	}
}

// Volumes of different instances, jobs and names are different, whatever characters the names have.
func TestNames(t *testing.T) {
	dir := place(t)
	s := open(t, dir)
	long := strings.Repeat("x", 150)
	var want []schedule.Volume
	for _, names := range [][3]string{
		{"j", "", "a"}, {"j", "0", "a"}, {"j", "0", "b"}, {"j", "1", "a"}, {"j,0", "a", "a"}, {"j", "0,a", "a"},
		{"..", "../..", "../../x"}, {"j", "/", "app:/data"},
		{long, long, long + "a"}, {long, long, long + "b"},
	} {
		v := schedule.Volume{Instance: schedule.Instance{Job: names[0], ID: names[1]}, Name: names[2], Space: mega}
		want = append(want, v)
		path := ensure(t, s, v)
		empty(t, path)
		if !strings.HasPrefix(path, dir+"/") || strings.Count(path, "/") != strings.Count(dir, "/")+3 {
			t.Errorf("%q is at %s", names, path)
		}
		write(t, path+"/file", fmt.Sprint(names))
	}
	s = open(t, dir)
	if n := len(s.All()); n != len(want) {
		t.Errorf("there are %d volumes, want %d", n, len(want))
	}
	for _, v := range want {
		has(t, ensure(t, s, v)+"/file", fmt.Sprint([3]string{v.Job, v.ID, v.Name}))
	}
}

// What lacks a name, or has no space, is refused.
func TestIncomplete(t *testing.T) {
	dir := place(t)
	s := open(t, dir)
	for _, change := range []func(*schedule.Volume){
		func(v *schedule.Volume) { v.Job = "" },
		func(v *schedule.Volume) { v.Name = "" },
		func(v *schedule.Volume) { v.Space = 0 },
	} {
		v := volume("data", mega)
		change(&v)
		if _, err := s.Ensure(patient(t), v); err == nil {
			t.Errorf("Ensure(%+v) is no error", v)
		}
	}
	empty(t, dir)
}

// What is not a volume is left alone.
func TestForeign(t *testing.T) {
	dir := place(t)
	if err := os.MkdirAll(dir+"/lost+found/x", 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, dir+"/README", "mine")
	all(t, open(t, dir))
	has(t, dir+"/README", "mine")
	if _, err := os.Stat(dir + "/lost+found/x"); err != nil {
		t.Error(err)
	}
}

// Volumes are made, used and removed at the same time; who asks for the same one gets the same one.
func TestAtOnce(t *testing.T) {
	dir := place(t)
	s := open(t, dir)
	ctx := patient(t)
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			v := volume(fmt.Sprint("v", i%4), mega)
			path, err := s.Ensure(ctx, v)
			if err == nil {
				err = os.WriteFile(fmt.Sprint(path, "/", i), nil, 0o644)
			}
			if err != nil {
				t.Error(err)
			}
			s.All()
		})
	}
	all.Wait()
	for i := range 12 {
		path := ensure(t, s, volume(fmt.Sprint("v", i%4), mega))
		if _, err := os.Stat(fmt.Sprint(path, "/", i)); err != nil {
			t.Error(err)
		}
	}
	if n := len(devices(t, dir)); n != 4 {
		t.Errorf("4 volumes have %d devices", n)
	}
	for i := range 12 {
		all.Go(func() {
			if err := s.Remove(ctx, volume(fmt.Sprint("v", i%4), mega)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	empty(t, dir)
}
