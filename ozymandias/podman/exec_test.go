package podman_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/podman"
)

// guest is a command for program guest.
func guest(words string) []string { return append([]string{"/guest"}, strings.Fields(words)...) }

// A command's output and exit code come back, its input gets there.
func TestExec(t *testing.T) {
	ctx, name := patient(t), started(t, "stay")
	var out, fault bytes.Buffer
	code, err := machine.Client.Exec(ctx, name, podman.Exec{Command: guest("print out warn fault exit 4"), Stdout: &out, Stderr: &fault})
	if err != nil || code != 4 || out.String() != "out\n" || fault.String() != "fault\n" {
		t.Errorf("Exec() = %d, %v; it said %q and %q", code, err, out.String(), fault.String())
	}
	if code, err := machine.Client.Exec(ctx, name, podman.Exec{Command: guest("print dropped")}); err != nil || code != 0 {
		t.Errorf("Exec() = %d, %v", code, err)
	}
	// More than fits anywhere in between.
	sent := strings.Repeat("0123456789abcde\n", 1<<16)
	out.Reset()
	code, err = machine.Client.Exec(ctx, name, podman.Exec{Command: guest("cat"), Stdin: strings.NewReader(sent), Stdout: &out})
	if err != nil || code != 0 || out.String() != sent {
		t.Errorf("Exec() = %d, %v; of %d bytes %d came back", code, err, len(sent), out.Len())
	}
}

// A command need not read its input, of which more and more comes. (Podman itself may lose what such a command says last.)
func TestExecLeavesInput(t *testing.T) {
	ctx, name := patient(t), started(t, "stay")
	for range 10 {
		var fault bytes.Buffer
		code, err := machine.Client.Exec(ctx, name, podman.Exec{Command: guest("exit 5"), Stdin: endless{}, Stderr: &fault})
		if err != nil || code != 5 || fault.String() != "" {
			t.Errorf("Exec() = %d, %v; it said %q", code, err, fault.String())
		}
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

// With a terminal, output comes as a terminal shows it.
func TestExecTerminal(t *testing.T) {
	name := started(t, "stay")
	sizes := make(chan podman.TerminalSize, 1)
	sizes <- podman.TerminalSize{Rows: 40, Columns: 100}
	var out bytes.Buffer
	code, err := machine.Client.Exec(patient(t), name, podman.Exec{Command: guest("print out warn fault exit 5"), Terminal: true, Sizes: sizes, Stdin: strings.NewReader(""), Stdout: &out})
	if err != nil || code != 5 || out.String() != "out\r\nfault\r\n" {
		t.Errorf("Exec() = %d, %v; it said %q", code, err, out.String())
	}
}

// A command that takes too long is killed, and nothing else in the container is.
func TestExecTimeout(t *testing.T) {
	ctx, name := patient(t), started(t, "print here stay")
	says(t, name, "here")
	soon, done := context.WithTimeout(ctx, time.Second)
	defer done()
	var out bytes.Buffer
	_, err := machine.Client.Exec(soon, name, podman.Exec{Command: guest("deaf print begun stay"), Stdout: &out})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Exec() = %v", err)
	}
	first := inspect(t, name)
	if !first.Running() {
		t.Errorf("the container is %+v", first)
	}
	// Killed is not yet ended, by a little.
	for ctx.Err() == nil {
		left := 0
		lines, _ := filepath.Glob("/proc/[0-9]*/cgroup")
		for _, line := range lines {
			groups, _ := os.ReadFile(line)
			state, _ := os.ReadFile(filepath.Join(filepath.Dir(line), "stat"))
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(line)))
			if bytes.Contains(groups, []byte("libpod-"+first.ID)) && pid != first.PID && !bytes.Contains(state, []byte(") Z ")) {
				left++
			}
		}
		if left == 0 {
			return
		}
	}
	t.Error("the command still runs")
}

// What cannot be run is an error, or code 126 or 127 as in a shell, never a success.
func TestExecErrors(t *testing.T) {
	ctx, name := patient(t), started(t, "exit 0")
	ended(t, name)
	if _, err := machine.Client.Exec(ctx, name, podman.Exec{Command: guest("exit 0")}); !errors.Is(err, podman.ErrState) {
		t.Errorf("in a container that has ended: %v", err)
	}
	if _, err := machine.Client.Exec(ctx, "nobody", podman.Exec{Command: guest("exit 0")}); !errors.Is(err, podman.ErrNotFound) {
		t.Errorf("in a container that is not there: %v", err)
	}
	name = started(t, "stay")
	for _, c := range []struct {
		command string
		code    int
		says    string
	}{
		{"/nothing", 127, "no such file or directory"},
		{"nothing", 127, "not found in $PATH"},
		{"/etc", 126, "permission denied"},
		{"/etc/hosts", 126, "permission denied"},
	} {
		for _, terminal := range []bool{false, false, false, true} { // what is said more than once is not always
			var out, fault bytes.Buffer
			code, err := machine.Client.Exec(ctx, name, podman.Exec{Command: []string{c.command}, Terminal: terminal, Stdout: &out, Stderr: &fault})
			said := fault.String()
			if terminal {
				said = out.String()
			}
			if err != nil || code != c.code || !strings.Contains(said, c.says) || strings.Count(said, "\n") != 1 {
				t.Errorf("%s: %d, %v; it said %q", c.command, code, err, said)
			}
		}
	}
}

// What podman keeps of a command that has ended is gone soon after: a check runs one every few seconds.
func TestExecLeavesNothing(t *testing.T) {
	ctx, name := patient(t), started(t, "stay")
	monitors := func() (pids []string) {
		lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, line := range lines {
			words, _ := os.ReadFile(line)
			if bytes.Contains(words, []byte("conmon\x00")) && bytes.Contains(words, []byte(inspect(t, name).ID)) {
				pids = append(pids, filepath.Base(filepath.Dir(line)))
			}
		}
		return pids
	}
	if _, err := machine.Client.Exec(ctx, name, podman.Exec{Command: guest("print dropped")}); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); len(monitors()) > 1; time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("processes %q watch one container", monitors())
		}
	}
}
