package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// describeMachine prints what the figures depend on besides the systems measured. It refuses a temporary directory in memory,
// where fsync costs nothing and nothing is durable.
func describeMachine(w io.Writer, teamtask string) error {
	version, err := exec.Command(teamtask, "version").Output()
	if err != nil {
		return fmt.Errorf("ask teamtask for its version: %w", err)
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(os.TempDir(), &fs); err != nil {
		return err
	}
	const tmpfsMagic = 0x01021994 // statfs(2)
	if fs.Type == tmpfsMagic {
		return fmt.Errorf("%s is in memory, where nothing is durable: set TMPDIR to a directory on a disk", os.TempDir())
	}
	sync, err := fsyncTime()
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%d processors, an fsync takes %s, %s\n", runtime.NumCPU(), sync.Round(time.Microsecond), strings.TrimSpace(string(version)))
	return nil
}

// fsyncTime is how long it takes to append some bytes to a file durably.
func fsyncTime() (took time.Duration, err error) {
	dir, err := os.MkdirTemp("", "peers-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	f, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	const n = 200
	begun := time.Now()
	for range n {
		if _, err := f.Write(make([]byte, 100)); err != nil {
			return 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, err
		}
	}
	return time.Since(begun) / n, nil
}
