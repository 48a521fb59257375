//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A target is one consumer's at a time, and never goes back to an older one.
func TestTarget(t *testing.T) {
	dir := t.TempDir()
	first, err := open(dir, "cctv-a")
	if err != nil {
		t.Fatal(err)
	}
	if err := first.take(7); err != nil {
		t.Fatal(err)
	}
	second, err := open(dir, "cctv-a")
	if err != nil {
		t.Fatal(err)
	}
	if err := second.take(9); !errors.Is(err, errTwo) {
		t.Fatalf("a second consumer: %v", err)
	}
	first.Close()
	second.Close()

	for _, c := range []struct {
		epoch int64
		want  string
	}{{9, ""}, {7, "epoch 7 is over: 9 has been here"}, {9, ""}, {10, ""}, {9, "epoch 9 is over: 10 has been here"}} {
		target, err := open(dir, "cctv-a")
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		if err := target.take(c.epoch); err != nil {
			said = err.Error()
		}
		if said != c.want {
			t.Errorf("epoch %d: %q, not %q", c.epoch, said, c.want)
		}
		target.Close()
	}
}

// It says when it begins and ends, and who is refused.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TEAMTASK_WORKER", "w")
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := run(stopped, dir, []string{"cctv-a", "3"}); err != nil {
		t.Fatal(err)
	}
	if err := run(stopped, dir, []string{"cctv-a", "2"}); err == nil {
		t.Error("an older epoch is let in")
	}
	for _, args := range [][]string{nil, {"cctv-a"}, {"cctv-a", "x"}} {
		if err := run(stopped, dir, args); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for line := range strings.Lines(string(log)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), " ") // without the time
		said = append(said, rest)
	}
	if got := strings.Join(said, "; "); got != "w began cctv-a 3; w ended cctv-a 3; w refused cctv-a 2" {
		t.Error(got)
	}
}
