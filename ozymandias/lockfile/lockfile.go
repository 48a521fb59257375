// Package lockfile has a directory be one process's at a time.
package lockfile

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrTaken says that another process has the directory.
var ErrTaken = errors.New("another process has it locked")

// Take locks the file lock in a directory, which is there, until it is released or the process ends, however it ends.
func Take(dir string) (release func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrTaken
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() {
		// To close it is not enough: a process that is just being started has the file from this one until it runs, and the lock with it.
		_ = unix.Flock(int(f.Fd()), unix.LOCK_UN)
		f.Close()
	}, nil
}
