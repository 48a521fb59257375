package volumes_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// What a program uses is neither removed nor hidden from it.
func TestRemoveInUse(t *testing.T) {
	dir := place(t)
	s := open(t, dir)
	v := volume("data", mega)
	path := ensure(t, s, v)
	f, err := os.Create(path + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for what, do := range map[string]func() error{
		"Remove": func() error { return s.Remove(patient(t), v) },
		"Close":  func() error { return s.Close(patient(t)) },
	} {
		if err := do(); !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "is in use") {
			t.Errorf("%s() = %v", what, err)
		}
		all(t, s, v)
	}
	if _, err := f.WriteString("kept"); err != nil {
		t.Fatal(err)
	}
	has(t, path+"/file", "kept")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	remove(t, s, v)
	empty(t, dir)
}

// A container goes on using what was unmounted here: it has mounts of its own. Then nothing is deleted, and what is mounted again is the
// same file system by the same device, not a second view of it that would destroy it.
func TestMountedElsewhere(t *testing.T) {
	dir := place(t)
	s := open(t, dir)
	v := volume("data", mega)
	path := ensure(t, s, v)
	container := exec.Command("unshare", "--mount", "--propagation", "private",
		"sh", "-c", `echo begun; while read text; do echo "$text" > "$0"; echo written; done`, path+"/file")
	tell, err := container.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	said, err := container.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := container.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = container.Wait() }()
	defer tell.Close()
	lines := bufio.NewScanner(said)
	lines.Scan()
	if err := s.Remove(patient(t), v); !errors.Is(err, unix.EBUSY) || !strings.Contains(err.Error(), "mounted elsewhere") {
		t.Errorf("Remove() = %v", err)
	}
	all(t, s, v)
	if _, err := tell.Write([]byte("kept\n")); err != nil || !lines.Scan() || lines.Text() != "written" {
		t.Fatalf("the container says %q, %v", lines.Text(), err)
	}
	s = open(t, dir)
	has(t, ensure(t, s, v)+"/file", "kept\n")
	if files := devices(t, dir); len(files) != 1 {
		t.Errorf("there are devices for %q", files)
	}
	if _, err := s.Ensure(patient(t), volume("data", 10*mega)); mayResize(t) != (err == nil) {
		t.Errorf("Ensure() = %v", err)
	}
	has(t, ensure(t, s, v)+"/file", "kept\n")
	if err := tell.Close(); err != nil {
		t.Fatal(err)
	}
	if err := container.Wait(); err != nil {
		t.Fatal(err)
	}
	has(t, ensure(t, s, volume("data", 10*mega))+"/file", "kept\n")
	remove(t, s, v)
	empty(t, dir)
}

// A file system that turned read-only is mounted anew when it is asked for again.
func TestReadOnly(t *testing.T) {
	s := open(t, place(t))
	v := volume("data", mega)
	path := ensure(t, s, v)
	write(t, path+"/file", "kept")
	if err := unix.Mount("", filepath.Dir(path), "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"/more", nil, 0o644); !errors.Is(err, unix.EROFS) {
		t.Fatalf("it can still be written to: %v", err)
	}
	ensure(t, s, v)
	write(t, path+"/more", "")
	has(t, path+"/file", "kept")
}

// A file system that is damaged beyond repair is not used, and the error says what to do.
func TestDamaged(t *testing.T) {
	dir := place(t)
	s := open(t, dir)
	v := volume("data", mega)
	path := ensure(t, s, v)
	if err := s.Close(patient(t)); err != nil {
		t.Fatal(err)
	}
	disk, err := os.OpenFile(filepath.Dir(filepath.Dir(path))+"/disk", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer disk.Close()
	if _, err := disk.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ensure(patient(t), v); err == nil || !strings.Contains(err.Error(), "try e2fsck "+disk.Name()+" by hand") {
		t.Errorf("Ensure() = %v", err)
	}
	all(t, s, v)
	remove(t, s, v)
}

// One that was not unmounted, as when the power fails, is repaired.
func TestPowerFails(t *testing.T) {
	dir := place(t)
	s := open(t, dir)
	v := volume("data", 20*mega)
	path := ensure(t, s, v)
	write(t, path+"/file", "kept")
	f, err := os.Open(path + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	// What is on the disk at this moment is what a machine finds that lost its power.
	other := place(t)
	from := filepath.Dir(filepath.Dir(path))
	to := filepath.Join(other, filepath.Base(from))
	if err := os.MkdirAll(to+"/mount", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"disk", "volume.json"} {
		if out, err := exec.Command("cp", filepath.Join(from, name), to).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	has(t, ensure(t, open(t, other), v)+"/file", "kept")
}

// What loop devices others have does not matter, even if these cannot be written to, as those of snaps.
func TestOthersDevices(t *testing.T) {
	file := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(file, make([]byte, 1<<20), 0o400); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--read-only", "--find", "--show", file).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	device := strings.TrimSpace(string(out))
	defer func() {
		if out, err := exec.Command("losetup", "--detach", device).CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}()
	s := open(t, place(t))
	ensure(t, s, volume("data", mega))
	remove(t, s, volume("data", mega))
}
