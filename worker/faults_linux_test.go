package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"teamtask.dev/api/v1alpha1"
)

// The file for the output is the same as long as nothing else holds it, in which way ever.
func TestFileIsUsedAgain(t *testing.T) {
	hold := func(name string, flag int) func(*testing.T, *os.File) *os.File {
		return func(t *testing.T, f *os.File) *os.File {
			held, err := os.OpenFile(name+strconv.Itoa(int(f.Fd())), flag, 0)
			if err != nil {
				t.Fatal(err)
			}
			return held
		}
	}
	for _, c := range []struct {
		name string
		hold func(*testing.T, *os.File) *os.File
		same bool
	}{
		{"nobody holds it", func(*testing.T, *os.File) *os.File { return nil }, true},
		{"inherited", func(t *testing.T, f *os.File) *os.File {
			fd, err := syscall.Dup(int(f.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			return os.NewFile(uintptr(fd), "inherited")
		}, false},
		{"opened to write", hold("/proc/self/fd/", os.O_WRONLY), false},
		{"opened to read", hold("/proc/self/fd/", os.O_RDONLY), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o output
			defer o.close()
			var before os.FileInfo
			for again := range 3 {
				f, err := o.lend()
				if err != nil {
					t.Fatal(err)
				}
				info, err := f.Stat()
				if err != nil || info.Size() != 0 {
					t.Fatalf("%d bytes, %v", info.Size(), err)
				}
				if same := os.SameFile(info, before); again > 0 && same != c.same {
					t.Errorf("the same file: %t", same)
				}
				before = info
				if _, err := f.WriteString("text"); err != nil {
					t.Fatal(err)
				}
				defer c.hold(t, f).Close()
				f.Close()
			}
		})
	}
}

// However a block ends, none of its files stays open.
func TestRunClosesItsFiles(t *testing.T) {
	open := func() []os.DirEntry {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return entries
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
		pipe bool
		args []string
	}{
		{"items", t.Context(), false, []string{"echo"}},
		{"items that are no programs", t.Context(), false, []string{"{}"}},
		{"a pipe", t.Context(), true, []string{"true"}},
		{"no such program", t.Context(), false, []string{"/no/such"}},
		{"a pipe to no such program", t.Context(), true, []string{"/no/such"}},
		{"cancelled", cancelled, false, []string{"true"}},
		{"a pipe, cancelled", cancelled, true, []string{"true"}},
	} {
		r := newRunner(t, c.pipe, c.args...)
		var before int
		for again := range 3 { // the first time the runtime opens what it keeps
			r.Run(c.ctx, v1alpha1.Lease{Size: 3}, 1, nil, func(v1alpha1.Report) {})
			if n := len(open()); again == 0 {
				before = n
			} else if n != before {
				t.Errorf("%s: %d files are open, before %d", c.name, n, before)
			}
		}
	}
}

// In a container the worker may be process 1: the children of a command that it ended become its own, and it leaves
// no dead ones about.
func TestOrphansOfTheWorker(t *testing.T) {
	const setChildSubreaper = 36 // prctl(2): orphans come to this process as if it were process 1
	set := func(on uintptr) {
		if _, _, err := syscall.Syscall(syscall.SYS_PRCTL, setChildSubreaper, on, 0); err != 0 {
			t.Fatal(err)
		}
	}
	set(1)
	defer set(0)
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	var pid int
	go func() {
		pid = pidIn(t, pidFile)
		cancel()
	}()
	r := newRunner(t, false, "sh", "-c", "sleep 1000 & echo $! > "+pidFile+"; wait", "{}")
	if err := r.Run(ctx, v1alpha1.Lease{Size: 1}, 1, nil, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d: %v", pid, err)
	}
}
