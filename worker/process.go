package worker

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// grace is how long a command may take to end once it was asked to.
const grace = 5 * time.Second

// ended is how a command ended.
type ended struct {
	exit     int            // exit code; -1: a signal ended it, or it ran out of time
	signal   syscall.Signal // that ended it; 0: none
	timedOut bool
	reason   string // in words, if it did not end well
	begun    time.Time
	seconds  float64
}

func (e ended) ok() bool { return e.reason == "" }

// startError is why a command could not be started.
type startError struct{ cause error }

func (e startError) Error() string { return "start the command: " + e.cause.Error() }
func (e startError) Unwrap() error { return e.cause }

// process runs a command to its end, or until the time is up or ctx ends: then it and its children are asked to end, and
// killed if they do not. Its input and outputs are files, so that no goroutine has to pass them on; the outputs are
// closed as soon as the command has them: others that are being started have all that is open, for a moment. The error is
// a startError where the command could not be started, or that of ctx.
func process(ctx context.Context, args, env []string, stdin, stdout, stderr *os.File, limit time.Duration) (e ended, err error) {
	if err := ctx.Err(); err != nil {
		return e, err
	}
	run, cancel := ctx, context.CancelFunc(func() {})
	if limit > 0 {
		run, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	e.begun = time.Now()
	name := args[0]
	if !strings.Contains(name, "/") {
		if name, err = exec.LookPath(name); err != nil {
			return e, startError{err}
		}
	}
	// Not exec.Cmd: it opens /dev/null and sorts the environment out anew for each command, which costs more than all
	// that is done here to keep outputs apart.
	p, err := os.StartProcess(name, args, &os.ProcAttr{Env: env, Files: []*os.File{stdin, stdout, stderr}, Sys: ownGroup()})
	stdout.Close()
	stderr.Close()
	if err != nil {
		return e, startError{err}
	}
	waited, asked := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(run, func() {
		defer close(asked)
		end(p.Pid, waited)
	})
	state, err := p.Wait()
	e.seconds = time.Since(e.begun).Seconds()
	close(waited)
	if !stop() {
		<-asked
		e.timedOut = true
	}
	if ctx.Err() != nil {
		return e, ctx.Err()
	}
	if err != nil {
		return e, fmt.Errorf("wait for the command: %w", err)
	}
	e.exit = state.ExitCode()
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		e.signal = w.Signal()
	}
	switch {
	case e.timedOut:
		e.exit, e.reason = -1, fmt.Sprintf("timed out after %s", limit)
	case !state.Success():
		e.reason = state.String()
	}
	return e, nil
}

// end asks a command and its children to end, and kills those that have not in time. A shell ends at once and leaves
// what it was running to end in its own time, so it is the group that is waited for; nobody tells when one is empty.
func end(pid int, waited <-chan struct{}) {
	syscall.Kill(-pid, syscall.SIGTERM)
	late, look := time.NewTimer(grace), time.NewTicker(10*time.Millisecond)
	defer late.Stop()
	defer look.Stop()
	for {
		select {
		case <-waited:
			reap(pid)
		default:
		}
		if syscall.Kill(-pid, 0) == syscall.ESRCH {
			return
		}
		select {
		case <-look.C:
		case <-late.C:
			syscall.Kill(-pid, syscall.SIGKILL)
			return
		}
	}
}

// reap waits for what has died in a command's group, once the command itself has been waited for. Orphans become children of a worker
// that is process 1, as in a container; the dead ones stay in the group until they are waited for.
func reap(pid int) {
	for reaped := 1; reaped > 0; {
		reaped, _ = syscall.Wait4(-pid, nil, syscall.WNOHANG, nil)
	}
}
