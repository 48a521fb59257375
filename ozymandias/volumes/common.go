package volumes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"teamtask.dev/ozymandias/schedule"
)

// ensureCommon makes a volume in the directory that nodes have in common, which any number of them may do at the same time. The record
// comes last, as what is done before can be done twice.
func ensureCommon(shared string, v schedule.Volume) (string, error) {
	dir := filepath.Join(shared, entry(keyOf(v)))
	data := filepath.Join(dir, "data")
	have, err := readRecord(dir)
	if err == nil && have.Space >= v.Space {
		return data, nil
	}
	if err != nil {
		if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return "", err
		}
		if err := os.Mkdir(data, 0o777); err != nil && !errors.Is(err, os.ErrExist) {
			return "", err
		}
		if err := os.Chmod(data, 0o777); err != nil { // whatever the umask is
			return "", err
		}
	}
	if err := writeRecord(dir, v); err != nil {
		return "", err
	}
	return data, nil
}

// Reach looks whether a volume can be had in the directory that nodes have in common, as [Store.Ensure] has made it. It makes nothing.
func (s *Store) Reach(v schedule.Volume) error {
	err := s.confirm()
	dir := filepath.Join(s.shared, entry(keyOf(v)))
	if err == nil {
		_, err = readRecord(dir)
	}
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "data"))
	}
	if err != nil {
		return fmt.Errorf("reach %s: %w", keyOf(v), err)
	}
	return nil
}

// confirm says so when the directory in common is not the one that it was when the store was opened: without its file system, which may come
// and go, what is made there would be on the node's own disk, empty at first and hidden later.
func (s *Store) confirm() error {
	if s.storage == "" {
		return nil
	}
	return memory{Directory: s.shared, Storage: s.storage}.confirm(filepath.Join(s.dir, memoryFile))
}

// InCommon tells whether a volume is, or would be, in the directory that nodes have in common, rather than on this node's own disk.
func (s *Store) InCommon(v schedule.Volume) bool { return v.ID == "" && s.shared != "" }

// Storage is what the nodes that have a directory in common call it by: the same wherever it is the same one; "" if there is none.
func (s *Store) Storage() string { return s.storage }

// Shared are the volumes in the directory that nodes have in common. They are not among [Store.All], as they are on no node's own disk.
func (s *Store) Shared() ([]schedule.Volume, error) {
	if s.shared == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(s.shared)
	if err != nil {
		return nil, fmt.Errorf("look for shared volumes: %w", err)
	}
	var all []schedule.Volume
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		v, err := readRecord(filepath.Join(s.shared, entry.Name()))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look for shared volumes: %w", err)
		}
		all = append(all, v)
	}
	slices.SortFunc(all, compare)
	return all, nil
}

// RemoveShared deletes a volume from the directory that nodes have in common. It cannot know whether another node uses it: it is for
// volumes of jobs that there are none of any more. That there is none is no error, nor that another node deletes it too.
func (s *Store) RemoveShared(_ context.Context, v schedule.Volume) error {
	if s.shared == "" {
		return nil
	}
	dir := filepath.Join(s.shared, entry(keyOf(v)))
	// The record goes last: until then it is found again, and removed.
	err := os.RemoveAll(filepath.Join(dir, "data"))
	if err == nil {
		err = os.RemoveAll(dir)
	}
	if err != nil {
		return fmt.Errorf("remove %s: %w", keyOf(v), err)
	}
	return nil
}
