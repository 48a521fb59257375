package podman_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/podman"
)

func read(t *testing.T, name string, l podman.Log) (lines []podman.Line) {
	t.Helper()
	for line, err := range machine.Client.Logs(patient(t), name, l) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

func texts(lines []podman.Line) string {
	var texts []string
	for _, line := range lines {
		stream := "out "
		if line.Stderr {
			stream = "err "
		}
		texts = append(texts, stream+line.Text)
	}
	return strings.Join(texts, "|")
}

// A log has the lines of both streams, or the last of them, or those from a time on.
func TestLogs(t *testing.T) {
	began := time.Now().Truncate(time.Second)
	long := strings.Repeat("x", 20_000)
	name := started(t, "", func(c *podman.Container) {
		c.Spec.Command = job.Words{"print", "one  two", "print", "", "warn", "three", "print", long, "print", " four"}
	})
	ended(t, name)
	lines := read(t, name, podman.Log{})
	// The two streams come through two pipes, in which the order between them is lost.
	var out, fault []podman.Line
	for _, line := range lines {
		if line.Time.Before(began) || line.Time.After(time.Now().Add(time.Second)) {
			t.Errorf("%.20q was written at %v", line.Text, line.Time)
		}
		if line.Stderr {
			fault = append(fault, line)
		} else {
			out = append(out, line)
		}
	}
	if texts(fault) != "err three" {
		t.Errorf("to standard error: %q", texts(fault))
	}
	if got, want := texts(out), "out one  two|out |out "+long+"|out  four"; got != want {
		t.Errorf("to standard output %d bytes, want %d: %.200q", len(got), len(want), strings.ReplaceAll(got, "xxxx", ""))
	}
	if lines := read(t, name, podman.Log{Tail: 1}); len(lines) != 1 {
		t.Errorf("the last: %q", texts(lines))
	}
	if lines := read(t, name, podman.Log{Since: time.Now().Add(time.Hour)}); len(lines) != 0 {
		t.Errorf("from later on: %q", texts(lines))
	}
	if lines := read(t, name, podman.Log{Since: began.Add(-time.Hour), Follow: true}); len(lines) != 5 {
		t.Errorf("from before on: %q", texts(lines))
	}
}

// A log is followed until its container ends, or until whoever reads has had enough.
func TestFollow(t *testing.T) {
	ctx, name := patient(t), started(t, "print one wait print two exit 0")
	var got []podman.Line
	for line, err := range machine.Client.Logs(ctx, name, podman.Log{Follow: true}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, line)
		if line.Text == "one" {
			if err := machine.Client.Signal(ctx, name, "SIGTERM"); err != nil {
				t.Fatal(err)
			}
		}
	}
	if texts(got) != "out one|out two" {
		t.Errorf("it said %q", texts(got))
	}
	name = started(t, "print one stay")
	within, done := context.WithCancel(ctx)
	var last error
	for _, err := range machine.Client.Logs(within, name, podman.Log{Follow: true}) {
		done()
		last = err
	}
	done()
	if !errors.Is(last, context.Canceled) {
		t.Errorf("the last error is %v", last)
	}
	for _, err := range machine.Client.Logs(ctx, "nobody", podman.Log{}) {
		if !errors.Is(err, podman.ErrNotFound) {
			t.Errorf("the log of what is not there: %v", err)
		}
	}
}

// The file of a log has what podman tells of it, and times that are more exact; a container that is started again adds to it.
func TestReadLog(t *testing.T) {
	began := time.Now()
	long := strings.Repeat("x", 20_000) // which conmon writes in pieces
	name := started(t, "", func(c *podman.Container) {
		c.Spec.Command = job.Words{"print", "one  two", "print", "", "warn", "three", "print", long, "print", " four"}
	})
	file := ended(t, name).Log
	fromFile := func(l podman.Log) (lines []podman.Line) {
		t.Helper()
		for line, err := range podman.ReadLog(file, l) {
			if err != nil {
				t.Fatal(err)
			}
			if line.Time.Before(began) || line.Time.After(time.Now()) {
				t.Errorf("%.20q was written at %v", line.Text, line.Time)
			}
			lines = append(lines, line)
		}
		return lines
	}
	all := fromFile(podman.Log{})
	for _, l := range []podman.Log{{}, {Since: began.Add(-time.Hour)}, {Since: began.Add(time.Hour)}} {
		if got, want := texts(fromFile(l)), texts(read(t, name, l)); got != want {
			t.Errorf("%+v: of the file %.80q, of podman %.80q", l, got, want)
		}
	}
	for _, tail := range []int{1, 2, len(all), 50} {
		if got, want := texts(fromFile(podman.Log{Tail: tail})), texts(all[max(0, len(all)-tail):]); got != want {
			t.Errorf("the last %d: %.80q, want %.80q", tail, got, want)
		}
	}
	start(t, name)
	ended(t, name)
	if twice := len(fromFile(podman.Log{})); twice != 2*len(all) {
		t.Errorf("after another start there are %d lines, of %d", twice, len(all))
	}
	for _, err := range podman.ReadLog(file+".other", podman.Log{}) {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file that is not there: %v", err)
		}
	}
}

// The end of a file may not be written in whole, as when the disk is full: what can be read is.
func TestReadLogTorn(t *testing.T) {
	const text = "2026-01-02T03:04:05.5+00:00 stdout F whole\n\n2026-01-02T03:04:05.6+00:00 stderr P begun, \n" +
		"nonsense\n2026-01-02T03:04:06.5+01:00 stderr F and ended\n2026-01-02T03:04:07.5+00:0"
	file := filepath.Join(t.TempDir(), "ctr.log")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var lines []podman.Line
	for line, err := range podman.ReadLog(file, podman.Log{}) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if got := texts(lines); got != "out whole|err begun, and ended" {
		t.Errorf("it has %q", got)
	}
}
