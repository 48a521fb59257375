package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"teamtask.dev/test/cluster"
)

// home is the directory of a cluster. The process that runs the cluster holds a lock in it, of the kind whose holder the kernel
// names and that ends with its holder, whatever it dies of.
type home string

func (h home) data() string { return filepath.Join(string(h), "data") }
func (h home) log() string  { return filepath.Join(string(h), "log") }

// lock is to be held as long as the cluster runs. Its process must not open it again: closing that would give up the lock.
func (h home) lock() (io.Closer, error) {
	lock, err := h.lockFile()
	if err != nil {
		return nil, err
	}
	if err := syscall.FcntlFlock(lock.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK}); err != nil {
		lock.Close()
		return nil, fmt.Errorf("a cluster runs already in %s", h)
	}
	return lock, nil
}

func (h home) lockFile() (*os.File, error) {
	if err := os.MkdirAll(string(h), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(filepath.Join(string(h), "lock"), os.O_CREATE|os.O_RDWR, 0o600)
}

// holder is the id of the process that runs the cluster, or 0.
func (h home) holder() (int, error) {
	file, err := h.lockFile()
	if err != nil {
		return 0, err
	}
	defer file.Close()
	lock := syscall.Flock_t{Type: syscall.F_WRLCK}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_GETLK, &lock); err != nil {
		return 0, fmt.Errorf("ask who runs the cluster in %s: %w", h, err)
	}
	if lock.Type == syscall.F_UNLCK {
		return 0, nil
	}
	return int(lock.Pid), nil
}

// process is the one that runs the cluster, or nil.
func (h home) process() (*os.Process, error) {
	pid, err := h.holder()
	if pid == 0 || err != nil {
		return nil, err
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	// The kernel may give an id that has become free to another process; but not one that still has the lock.
	if still, err := h.holder(); still != pid || err != nil {
		return nil, err
	}
	return process, nil
}

// waitEnd waits until no process runs a cluster here.
func (h home) waitEnd(ctx context.Context) error {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		if pid, err := h.holder(); pid == 0 || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the cluster's end: %w: see %s", ctx.Err(), h.log())
		case <-look.C:
		}
	}
}

// clear removes the data of a cluster that has ended. If its process was killed, the kernel may still be ending its programs, which may
// make a file meanwhile.
func (h home) clear(ctx context.Context) error {
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for {
		err := os.RemoveAll(h.data())
		if !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-look.C:
		}
	}
}

// open is the cluster, if it is ready.
func (h home) open() (*cluster.Cluster, error) {
	pid, err := h.holder()
	if err != nil {
		return nil, err
	}
	if pid == 0 {
		return nil, errors.New("no cluster runs: start one with teamtask-cluster up")
	}
	return cluster.Open(h.data())
}
