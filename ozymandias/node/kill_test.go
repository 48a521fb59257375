package node

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
)

// What does not end is waited for, and told of now and then.
func TestInsist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		n := &Node{Options: Options{Log: slog.New(slog.NewTextHandler(&said, nil))}}
		began := time.Now()
		err := n.insist(t.Context(), "it does not end", 3, func() ([]int, error) {
			switch since := time.Since(began); {
			case since < every:
				return nil, errors.New("nobody knows")
			case since < 3*every:
				return []int{7, 8}, nil
			}
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if told := strings.Count(said.String(), "it does not end"); told != 2 {
			t.Errorf("it was told of %d times in three times the pause: %s", told, &said)
		}
		if !strings.Contains(said.String(), `processes="[7 8]"`) {
			t.Errorf("the log does not name the processes: %s", &said)
		}
		if looked := time.Since(began) - 3*every; looked != 2*again {
			t.Errorf("it was looked for %s more", looked)
		}
		ctx, done := context.WithTimeout(t.Context(), every)
		defer done()
		if err := n.insist(ctx, "it does not end", 1, func() ([]int, error) { return []int{7}, nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("when nobody waits any more: %v", err)
		}
	})
}

// A service that an earlier process has left is ended, and no other one; nor is whoever asks it.
func TestEndServices(t *testing.T) {
	o := podman.Options{Run: t.TempDir()}
	mine, _ := podmantest.Seeming(t, 0, "podman", "--root", "/r", "system", "service", "--time", "0", "unix://"+o.Socket())
	other, endOther := podmantest.Seeming(t, 0, "podman", "system", "service", "--time", "0", "unix://"+o.Socket()+"2")
	client, endClient := podmantest.Seeming(t, 0, "podman", "--url", "unix://"+o.Socket(), "logs", "-f", "c")
	nested, endNested := podmantest.Seeming(t, syscall.CLONE_NEWPID, "podman", "system", "service", "--time", "0", "unix://"+o.Socket()) // of a node in a container
	ended := make(chan struct{})
	go func() { defer close(ended); _ = mine.Wait() }()
	n := &Node{Options: Options{Podman: o, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}}
	if err := n.endServices(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-ended
	for c, end := range map[*exec.Cmd]io.Closer{other: endOther, client: endClient, nested: endNested} {
		_ = end.Close()
		if _ = c.Wait(); c.ProcessState.ExitCode() != 1 {
			t.Errorf("%q was ended, too: %s", c.Args, c.ProcessState)
		}
	}
}

// One that answers nothing is killed while something is tried with it.
func TestImpatient(t *testing.T) {
	defer SetSilent(100 * time.Millisecond)()
	o := podman.Options{Run: t.TempDir()}
	service, _ := podmantest.Seeming(t, 0, "podman", "system", "service", "--time", "0", "unix://"+o.Socket())
	n := &Node{Options: Options{Podman: o, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}, client: podman.Connect(o.Socket())}
	ctx, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	ended := make(chan error, 1)
	go func() { ended <- service.Wait() }()
	err := n.impatient(ctx, func() error {
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})()
	if err != nil {
		t.Error(err)
	}
}
