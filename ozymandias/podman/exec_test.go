package podman_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// A command whose context ends is killed, and nothing else in the container is.
func TestExecEnded(t *testing.T) {
	ctx, name := patient(t), started(t, "print here stay")
	says(t, name, "here")
	within, end := context.WithCancel(ctx)
	defer end()
	_, err := machine.Client.Exec(within, name, podman.Exec{Command: guest("deaf print begun stay"), Stdout: writer(func([]byte) { end() })})
	if !errors.Is(err, context.Canceled) || errors.Is(err, podman.ErrNotBegun) {
		t.Errorf("Exec() = %v", err)
	}
	if state := inspect(t, name); !state.Running() {
		t.Errorf("the container is %+v", state)
	}
	alone(t, name)
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// So is one whose context ends after podman was asked to start it, and before it has answered: podman would not begin it, but conmon would.
func TestExecEndedAtTheStart(t *testing.T) {
	ctx, name := patient(t), started(t, "stay")
	within, end := context.WithCancel(ctx)
	defer end()
	client := podman.Connect(overheard(t, func(request string) {
		if strings.Contains(request, "/start HTTP") {
			end()
		}
	}))
	defer client.Close()
	_, err := client.Exec(within, name, podman.Exec{Command: guest("deaf stay")})
	if !errors.Is(err, context.Canceled) || !errors.Is(err, podman.ErrNotBegun) {
		t.Errorf("Exec() = %v", err)
	}
	unwatched(t, name) // or else it might begin yet
	alone(t, name)
}

// overheard is a socket where podman answers, and what is sent there is told once podman has it.
func overheard(t *testing.T, tell func(request string)) (socket string) {
	t.Helper()
	socket = filepath.Join(machine.Options.Run, "overheard.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var passing sync.WaitGroup
	t.Cleanup(func() { listener.Close(); passing.Wait() })
	pass := func(to, from net.Conn, tell func(string)) {
		defer to.Close()
		for piece := make([]byte, 64<<10); ; {
			n, err := from.Read(piece)
			if err != nil {
				return
			}
			if _, err := to.Write(piece[:n]); err != nil {
				return
			}
			tell(string(piece[:n]))
		}
	}
	passing.Go(func() {
		for {
			caller, err := listener.Accept()
			if err != nil {
				return
			}
			service, err := net.Dial("unix", machine.Options.Socket())
			if err != nil {
				caller.Close()
				continue
			}
			passing.Go(func() { pass(service, caller, tell) })
			passing.Go(func() { pass(caller, service, func(string) {}) })
		}
	})
	return socket
}

// alone waits until the only process of a container is its first: killed is not yet ended, by a little.
func alone(t *testing.T, name string) {
	t.Helper()
	first := inspect(t, name)
	for began := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		var left []int
		lines, _ := filepath.Glob("/proc/[0-9]*/cgroup")
		for _, line := range lines {
			groups, _ := os.ReadFile(line)
			state, _ := os.ReadFile(filepath.Join(filepath.Dir(line), "stat"))
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(line)))
			if bytes.Contains(groups, []byte("libpod-"+first.ID)) && pid != first.PID && !bytes.Contains(state, []byte(") Z ")) {
				left = append(left, pid)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("processes %v still run", left)
		}
	}
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
	if _, err := machine.Client.Exec(ctx, name, podman.Exec{Command: guest("print dropped")}); err != nil {
		t.Fatal(err)
	}
	unwatched(t, name)
}

// unwatched waits until no process watches any other of a container than its first.
func unwatched(t *testing.T, name string) {
	t.Helper()
	id := inspect(t, name).ID
	for began := time.Now(); ; time.Sleep(100 * time.Millisecond) {
		var monitors []string
		for _, command := range podman.Commands() {
			if filepath.Base(command[0]) == "conmon" && slices.Contains(command, id) {
				monitors = append(monitors, strings.Join(command, " "))
			}
		}
		if len(monitors) <= 1 {
			return
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("processes %q watch one container", monitors)
		}
	}
}
