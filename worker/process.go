package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const (
	// grace is how long a command may take to end once it was asked to.
	grace = 5 * time.Second
	// inMemory is how much of a command's output is held in memory until it has ended; more goes to a file.
	inMemory = 1 << 20
)

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
// killed if they do not. The error is not nil where the command could not be started, or ctx ended.
func process(ctx context.Context, args, env []string, stdin io.Reader, stdout, stderr io.Writer, limit time.Duration) (e ended, err error) {
	run, cancel := ctx, context.CancelFunc(func() {})
	if limit > 0 {
		run, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	cmd := exec.CommandContext(run, args[0], args[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, stdin, stdout, stderr
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace

	e.begun = time.Now()
	if err := cmd.Start(); err != nil {
		return e, fmt.Errorf("start the command: %w", err)
	}
	err = cmd.Wait()
	e.seconds = time.Since(e.begun).Seconds()
	if run.Err() != nil { // what it left behind goes with it
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	if ctx.Err() != nil {
		return e, ctx.Err()
	}
	var status *exec.ExitError
	switch {
	case run.Err() != nil:
		e.exit, e.reason = -1, fmt.Sprintf("timed out after %s", limit)
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
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

// output holds what a command writes until it has ended, so that the outputs of several never mix.
type output struct {
	buf  bytes.Buffer
	file *os.File // what came first, once it is too much for memory
	n    int64
}

func (o *output) size() int64 { return o.n }

func (o *output) Write(p []byte) (int, error) {
	o.n += int64(len(p))
	if o.buf.Len()+len(p) > inMemory {
		if o.file == nil {
			f, err := os.CreateTemp("", "teamtask-output-")
			if err != nil {
				return 0, err
			}
			os.Remove(f.Name()) // it goes with its last user
			o.file = f
		}
		if _, err := o.buf.WriteTo(o.file); err != nil {
			return 0, err
		}
	}
	return o.buf.Write(p)
}

// tail is the last n bytes.
func (o *output) tail(n int) string {
	b := o.buf.Bytes()
	if len(b) >= n || o.file == nil {
		return string(b[max(0, len(b)-n):])
	}
	size, err := o.file.Seek(0, io.SeekEnd)
	if err != nil {
		return string(b)
	}
	before := make([]byte, min(int64(n-len(b)), size))
	if _, err := o.file.ReadAt(before, size-int64(len(before))); err != nil {
		return string(b)
	}
	return string(before) + string(b)
}

// flush writes everything to w and forgets it.
func (o *output) flush(w io.Writer) error {
	defer o.close()
	if o.file != nil {
		if _, err := o.file.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if _, err := io.Copy(w, o.file); err != nil {
			return err
		}
	}
	if o.buf.Len() == 0 {
		return nil
	}
	_, err := o.buf.WriteTo(w)
	return err
}

func (o *output) close() {
	if o.file != nil {
		o.file.Close()
		o.file = nil
	}
	o.buf.Reset()
}
