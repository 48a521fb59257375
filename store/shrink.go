package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// shrink gives back the space that a write-ahead log takes ahead: it is zeros, 8 MB in each of the newest files, where a
// small list needs some thousand bytes. The log must be closed. etcd reads a log up to its last record and goes on behind
// it, however long the file is.
func shrink(wal string) error {
	entries, err := os.ReadDir(wal)
	if err != nil {
		return fmt.Errorf("give back space: %w", err)
	}
	var logs []string
	for _, e := range entries {
		switch name := filepath.Join(wal, e.Name()); filepath.Ext(name) {
		case ".wal":
			logs = append(logs, name)
		case ".tmp": // a file kept ready to be the next
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("give back space: %w", err)
			}
		}
	}
	if len(logs) == 0 {
		return nil
	}
	slices.SortFunc(logs, strings.Compare)
	return cutZeros(logs[len(logs)-1]) // older ones were cut by etcd
}

// cutZeros cuts the zeros at the end of a file, but for some: a record may end with a few.
func cutZeros(name string) error {
	const keep = 4096
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("give back space: %w", err)
	}
	defer f.Close()
	end, buf := int64(0), make([]byte, 64<<10)
	for at := int64(0); ; {
		n, err := f.ReadAt(buf, at)
		for i := n - 1; i >= 0; i-- {
			if buf[i] != 0 {
				end = at + int64(i) + 1
				break
			}
		}
		at += int64(n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("give back space: %w", err)
		}
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("give back space: %w", err)
	}
	if size := (end + 2*keep - 1) / keep * keep; size < info.Size() {
		if err := f.Truncate(size); err != nil {
			return fmt.Errorf("give back space: %w", err)
		}
	}
	return nil
}
