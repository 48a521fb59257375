package cli_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/cli"
	"teamtask.dev/test/terminal"
)

// A command at a terminal gets one in the container, and ours is afterwards as it was.
func TestTerminal(t *testing.T) {
	stage := apitest.NewStage(t, map[string]string{"app": "stay"})
	_, in := terminal.Open(t)
	before, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	root := cli.Root()
	root.SetArgs([]string{"--run-dir", stage.Run, "exec", "-it", "web-0", "--", "/guest", "print", "hello", "exit", "5"})
	root.SetIn(in)
	root.SetOut(&out)
	err = root.ExecuteContext(t.Context())
	var code cmdline.Exit
	if !errors.As(err, &code) || code != 5 || out.String() != "hello\r\n" {
		t.Errorf("%v; it said %q", err, out.String())
	}
	after, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil || *after != *before {
		t.Errorf("the terminal was %+v and is %+v, %v", before, after, err)
	}
}

// Whoever gives a command a terminal and no input ends it by Ctrl-C, as that is not sent.
func TestTerminalWithoutInput(t *testing.T) {
	stage := apitest.NewStage(t, map[string]string{"app": "stay"})
	_, in := terminal.Open(t)
	before, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	ctx, interrupt := context.WithTimeout(t.Context(), 3*time.Minute)
	defer interrupt()
	root := cli.Root()
	root.SetArgs([]string{"--run-dir", stage.Run, "exec", "-t", "web-0", "--", "/guest", "print", "begun", "stay"})
	root.SetIn(in)
	root.SetOut(writer(func([]byte) {
		during, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
		if err != nil || *during != *before {
			t.Errorf("the terminal was %+v and is %+v, %v", before, during, err)
		}
		interrupt()
	}))
	if err := root.ExecuteContext(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// Ctrl-C ends a command that waits for what is typed, and what is typed next is shown again.
func TestInterruptedPassword(t *testing.T) {
	_, in := terminal.Open(t)
	state := func() unix.Termios {
		now, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS)
		if err != nil {
			t.Error(err)
			return unix.Termios{}
		}
		return *now
	}
	before := state()
	ctx, interrupt := context.WithTimeout(t.Context(), 3*time.Minute)
	defer interrupt()
	go func() {
		defer interrupt()
		for state().Lflag&unix.ECHO != 0 && ctx.Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
	}()
	root := cli.Root()
	root.SetArgs([]string{"secret", "set", "x"})
	root.SetIn(in)
	root.SetErr(io.Discard)
	if err := root.ExecuteContext(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if after := state(); after != before {
		t.Errorf("the terminal was %+v and is %+v", before, after)
	}
}

// So it does one that waits for standard input.
func TestInterruptedInput(t *testing.T) {
	run := answering(t, func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })
	for _, command := range []string{"secret set x", "apply -f -", "delete -f -", "explain -f -", "image load"} {
		ctx, interrupt := context.WithCancel(t.Context())
		never, end := io.Pipe()
		root := cli.Root()
		root.SetArgs(append([]string{"--run-dir", run}, strings.Fields(command)...))
		root.SetIn(reader(func(b []byte) (int, error) { interrupt(); return never.Read(b) }))
		if err := root.ExecuteContext(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s ended with %v", command, err)
		}
		end.Close()
	}
}

type reader func([]byte) (int, error)

func (r reader) Read(b []byte) (int, error) { return r(b) }

// Nobody types an archive.
func TestLoadFromTerminal(t *testing.T) {
	root := cli.Root()
	root.SetArgs([]string{"image", "load"})
	_, in := terminal.Open(t)
	root.SetIn(in)
	if err := root.ExecuteContext(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "name the archive, or pipe it in") {
		t.Error(err)
	}
}
