package logs

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
)

// A Store is a directory with a file JOB/ID/CONTAINER for each log, JOB being the UID.
type Store struct {
	dir string

	mu    sync.Mutex
	grown bool // since it was last looked how much there is
}

// New returns the store in that directory, which is made when it is needed. There may be logs of an earlier process.
func New(dir string) *Store { return &Store{dir: dir, grown: true} }

func (s *Store) path(i schedule.Instance, container string) string {
	return filepath.Join(s.dir, i.Job, i.ID, container)
}

// Keep keeps the log of a container that does not run, in place of the one that was kept of it before. The file stays where it is.
func (s *Store) Keep(i schedule.Instance, container, file string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grown = true
	kept := s.path(i, container)
	err := os.MkdirAll(filepath.Dir(kept), 0o700)
	if err == nil {
		if err = os.Remove(kept); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err == nil {
		err = os.Link(file, kept)
	}
	if err == nil {
		now := time.Now() // the oldest are dropped first, whenever they were written to last
		err = os.Chtimes(kept, now, now)
	}
	if err != nil {
		return fmt.Errorf("keep the log of container %s: %w", container, err)
	}
	return nil
}

// Rotate keeps the log of a container that is about to be started again, which then begins with an empty one.
func (s *Store) Rotate(i schedule.Instance, container, file string) error {
	if err := s.Keep(i, container, file); err != nil {
		return err
	}
	empty := file + ".next"
	err := os.WriteFile(empty, nil, 0o600)
	if err == nil {
		err = os.Rename(empty, file)
	}
	if err != nil {
		return fmt.Errorf("begin the log of container %s anew: %w", container, err)
	}
	return nil
}

// Has tells whether a log of a container is kept.
func (s *Store) Has(i schedule.Instance, container string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := os.Stat(s.path(i, container))
	return err == nil
}

// Containers are those of an instance of which a log is kept, sorted.
func (s *Store) Containers(i schedule.Instance) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries, _ := os.ReadDir(filepath.Join(s.dir, i.Job, i.ID)) // it is not there, if nothing is kept
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Read reads the log of a container that is kept. If there is none, the error is [fs.ErrNotExist].
func (s *Store) Read(i schedule.Instance, container string, l podman.Log) iter.Seq2[podman.Line, error] {
	return podman.ReadLog(s.path(i, container), l)
}

// least is what a log is counted as at least: files that are all but empty are not to be too many, either.
const least = 64 << 10

// Tidy drops the logs of jobs that are not known any more, and the oldest ones of all others as long as they have more bytes than that together.
func (s *Store) Tidy(known func(job string) bool, bytes int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	jobs, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, job := range jobs {
		if !known(job.Name()) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.dir, job.Name())))
		}
	}
	if s.grown || bytes == 0 {
		err = errors.Join(err, s.shrink(bytes))
		s.grown = err != nil
	}
	if err != nil {
		return fmt.Errorf("drop logs of what is not there any more: %w", err)
	}
	return nil
}

// shrink drops the oldest.
func (s *Store) shrink(bytes int64) error {
	type log struct {
		path string
		size int64
		kept time.Time
	}
	var logs []log
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			logs = append(logs, log{path, max(info.Size(), least), info.ModTime()})
		}
		return err
	})
	slices.SortFunc(logs, func(a, b log) int { return cmp.Or(b.kept.Compare(a.kept), cmp.Compare(a.path, b.path)) }) // the newest first
	for _, l := range logs {
		if bytes -= l.size; bytes >= 0 {
			continue
		}
		err = errors.Join(err, os.Remove(l.path))
		for dir := filepath.Dir(l.path); dir != s.dir && os.Remove(dir) == nil; { // if that was all there was in it
			dir = filepath.Dir(dir)
		}
	}
	return err
}
