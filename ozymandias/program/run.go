package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
)

// Program is one to be kept running.
type Program struct {
	// Path of the executable.
	Path string
	Args []string
	// Dir is where it runs; "": where we do.
	Dir string
	// Env are variables, "NAME=value", beside our own.
	Env []string
	// Signal ends it. 0: SIGTERM.
	Signal syscall.Signal
	// Output gets what it says; nil drops it.
	Output io.Writer
	// Ended is told of each end that nobody asked for; nil tells nobody. The program is started anew when it returns.
	Ended func(error)
}

// grace is how long a program has to end when it is asked to; then it is killed.
const grace = 10 * time.Second

// Run keeps the program running until ctx ends, and waits until it has ended. It ends with this process, too, however that ends.
func Run(ctx context.Context, p Program) {
	over := make(chan struct{})
	go func() {
		// The signal that a child gets with its parent's death comes with the end of the thread that started it (prctl(2)); so that
		// thread has to last. It is not unlocked: it ends with this function.
		runtime.LockOSThread()
		defer close(over)
		p.keep(ctx)
	}()
	<-over
}

func (p Program) keep(ctx context.Context) {
	var pause time.Duration
	for ctx.Err() == nil {
		began := time.Now()
		err := p.once(ctx)
		if ctx.Err() != nil {
			return
		}
		if p.Ended != nil {
			p.Ended(fmt.Errorf("%s ended: %w", filepath.Base(p.Path), err))
		}
		pause = next(pause, time.Since(began))
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// next is how long to wait before a program is started anew that waited so long the last time and has then run for so long.
func next(last, ran time.Duration) time.Duration {
	const (
		first = 250 * time.Millisecond
		most  = 10 * time.Second
		// lasted is how long a program must have run for its end to be a new one, not more of the same.
		lasted = 20 * time.Second
	)
	if last == 0 || ran >= lasted {
		return first
	}
	return min(2*last, most)
}

// once runs the program until it ends, or ctx does: then it asks it to end, and kills it if it does not.
func (p Program) once(ctx context.Context) error {
	end := p.Signal
	if end == 0 {
		end = syscall.SIGTERM
	}
	c := exec.CommandContext(ctx, p.Path, p.Args...)
	c.Dir, c.Env = p.Dir, append(os.Environ(), p.Env...)
	c.Stdout, c.Stderr = p.Output, p.Output
	c.Cancel = func() error { return c.Process.Signal(end) }
	c.WaitDelay = grace
	// Of its own session, so that what a terminal sends does not reach it: nodes end in order.
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: end}
	err := c.Run()
	if err == nil {
		err = errors.New("without an error")
	}
	return err
}
