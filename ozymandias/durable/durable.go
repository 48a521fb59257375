// Package durable writes files that a crash of the machine, or of the process, leaves as they were before or as they are to be, never in between:
// what a node is to know of itself when it is started again.
//
// A file is written beside its place, under a name that begins with its own and a dot, and takes its place when the disk has all of it. What is
// left of a write that was cut short is known by that name, and does no harm. Files are their owner's alone, as keys are among them.
package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// Write writes a whole file. If it fails, what was there before is there still.
func Write(path string, content []byte) error {
	f, err := Create(path)
	if err != nil {
		return err
	}
	if _, err = f.Write(content); err != nil {
		err = errors.Join(err, f.Close())
	} else {
		err = Keep(f, path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// Create begins a file that is to be at path: under a name of its own, as others may do the same at this moment, on other machines too.
func Create(path string) (*os.File, error) {
	return os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // with mode 0600
}

// Keep closes a file that was begun by [Create] and gives it its place. If it fails, removing the file is for the caller.
func Keep(f *os.File, path string) error {
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return Rename(f.Name(), path)
}

// Rename renames a file or a directory for good, within a directory. What is in it has to be on the disk.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return Sync(filepath.Dir(to))
}

// Sync brings the names in a directory to the disk.
func Sync(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
