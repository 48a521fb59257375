package logs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"teamtask.dev/ozymandias/node/logs"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
)

var web = schedule.Instance{Job: "uid-web", ID: "0"}

func batch(id int) schedule.Instance {
	return schedule.Instance{Job: "uid-batch", ID: fmt.Sprint(id)}
}

func anyJob(string) bool { return true }

// plenty is more than any test writes.
const plenty = 1 << 30

// A stage is a store and a place where podman has its files.
type stage struct {
	*testing.T
	*logs.Store
	dir string
}

func newStage(t *testing.T) *stage {
	dir := t.TempDir()
	return &stage{t, logs.New(filepath.Join(dir, "logs")), dir}
}

// wrote is a file of podman's with a line.
func (s *stage) wrote(text string) (file string) {
	s.Helper()
	file = filepath.Join(s.dir, "ctr.log")
	if err := os.WriteFile(file, []byte("2026-01-02T03:04:05.123456789+00:00 stdout F "+text+"\n"), 0o600); err != nil {
		s.Fatal(err)
	}
	return file
}

// keeps has a line be kept, and podman's file go.
func (s *stage) keeps(i schedule.Instance, text string) {
	s.Helper()
	file := s.wrote(text)
	if err := s.Keep(i, "main", file); err != nil {
		s.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		s.Fatal(err)
	}
}

// said are the lines that are kept of an instance; nil if there is no log of it.
func (s *stage) said(i schedule.Instance) (lines []string) {
	s.Helper()
	for line, err := range s.Read(i, "main", podman.Log{}) {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			s.Fatal(err)
		}
		lines = append(lines, line.Text)
	}
	return lines
}

func (s *stage) expect(i schedule.Instance, want ...string) {
	s.Helper()
	if got := s.said(i); !slices.Equal(got, want) {
		s.Errorf("of %s %s is kept %q, want %q", i.Job, i.ID, got, want)
	}
	if got := s.Has(i, "main"); got != (want != nil) {
		s.Errorf("Has(%v) = %v", i, got)
	}
}

// The last log of each container is kept, and found by the next process.
func TestKeep(t *testing.T) {
	s := newStage(t)
	s.expect(web)
	s.keeps(web, "one")
	s.keeps(web, "two")
	s.keeps(batch(7), "seven")
	s.Store = logs.New(filepath.Join(s.dir, "logs"))
	s.expect(web, "two")
	s.expect(batch(7), "seven")
	s.expect(batch(8))
	if s.Has(web, "other") {
		t.Error("there is a log of a container that had none")
	}
	if err := s.Keep(web, "main", filepath.Join(s.dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a container that was never started: %v", err)
	}
}

// What is about to be started again begins with an empty log, in a file of its own.
func TestRotate(t *testing.T) {
	s := newStage(t)
	for _, text := range []string{"first", "second"} {
		file := s.wrote(text)
		if err := s.Rotate(web, "main", file); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(file); err != nil || len(b) > 0 {
			t.Errorf("podman's file has %q, %v", b, err)
		}
		s.expect(web, text)
	}
	s.wrote("third") // goes on in podman's file
	s.expect(web, "second")
}

// Logs go with their job, and nothing is left of it.
func TestTidyJobs(t *testing.T) {
	s := newStage(t)
	none := func(string) bool { return false }
	if err := s.Tidy(none, plenty); err != nil {
		t.Errorf("before there is any: %v", err)
	}
	s.keeps(web, "one")
	s.keeps(batch(0), "two")
	if err := s.Tidy(func(job string) bool { return job == web.Job }, plenty); err != nil {
		t.Fatal(err)
	}
	s.expect(web, "one")
	s.expect(batch(0))
	if err := s.Tidy(none, plenty); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Join(s.dir, "logs"))
	if err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
}

// The oldest logs go first when there are too many, however short they are.
func TestTidyBytes(t *testing.T) {
	const room = 3 * 64 << 10 // for three that are short
	s := newStage(t)
	for i := range 5 {
		s.keeps(batch(i), fmt.Sprint("of ", i))
	}
	s.keeps(batch(1), "again")
	if err := s.Tidy(anyJob, room); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		switch i {
		case 1:
			s.expect(batch(i), "again")
		case 3, 4:
			s.expect(batch(i), fmt.Sprint("of ", i))
		default:
			s.expect(batch(i))
		}
	}
	left, err := os.ReadDir(filepath.Join(s.dir, "logs", "uid-batch"))
	if err != nil || len(left) != 3 {
		t.Errorf("directories %v are left, %v", left, err)
	}
	if err := s.Tidy(anyJob, 0); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(s.dir, "logs")); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
}
