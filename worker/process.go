package worker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// grace is how long a command may take to end once it was asked to.
const grace = 5 * time.Second

// ended is how a command ended.
type ended struct {
	exit    int            // exit code
	signal  syscall.Signal // that ended it; 0: none
	reason  string         // in words, if it did not end well
	begun   time.Time
	seconds float64
}

func (e ended) ok() bool { return e.reason == "" }

// process runs a command to its end, or until the time is up or ctx ends: then it and its children are asked to end, and
// killed if they do not. Its input and outputs are files, so that no goroutine has to pass them on. The error is not nil where the command could not be started, or ctx ended.
func process(ctx context.Context, args, env []string, stdin, stdout, stderr *os.File, limit time.Duration) (e ended, err error) {
	run, cancel := ctx, context.CancelFunc(func() {})
	if limit > 0 {
		run, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, stdout, stderr
	if stdin != nil {
		cmd.Stdin = stdin
	}
	cmd.SysProcAttr = ownGroup()

	e.begun = time.Now()
	if err := cmd.Start(); err != nil {
		return e, fmt.Errorf("start the command: %w", err)
	}
	// Not exec.CommandContext: its goroutine costs a quarter of what /bin/true takes.
	waited, asked := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(run, func() {
		defer close(asked)
		end(cmd.Process.Pid, waited)
	})
	err = cmd.Wait()
	e.seconds = time.Since(e.begun).Seconds()
	close(waited)
	if !stop() {
		<-asked
	}
	if ctx.Err() != nil {
		return e, ctx.Err()
	}
	var status *exec.ExitError
	switch {
	case run.Err() != nil:
		e.exit, e.reason = -1, fmt.Sprintf("timed out after %s", limit)
	case err == nil:
	case errors.As(err, &status):
		e.exit, e.reason = status.ExitCode(), status.Error()
		if w, ok := status.Sys().(syscall.WaitStatus); ok && w.Signaled() {
			e.signal = w.Signal()
		}
	default:
		e.exit, e.reason = -1, err.Error()
	}
	return e, nil
}

// end asks a command and its children to end, and kills what is left of them once the command has been waited for, or
// does not end in time.
func end(pid int, waited <-chan struct{}) {
	syscall.Kill(-pid, syscall.SIGTERM)
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-waited:
	case <-t.C:
	}
	syscall.Kill(-pid, syscall.SIGKILL)
}
