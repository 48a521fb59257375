package cli

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeWhole writes a file, which is there whole or not at all.
func writeWhole(name string, mode fs.FileMode, write func(io.Writer) error) error {
	f, err := beside(name)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	w := bufio.NewWriter(f)
	if err := write(w); err != nil {
		return err
	}
	if err := errors.Join(w.Flush(), f.Chmod(mode), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// beside makes a file in the directory of another one, which only its owner can read.
func beside(name string) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(name), ".teamtask-*")
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err // the name is not the one that was given
	}
	return f, err
}
