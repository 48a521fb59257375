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

// Program is a command that is to run until it is stopped. It has a process group of its own and dies with this process, on Linux.
type Program struct {
	process *os.Process
	waited  chan struct{} // closed when the command has ended
	state   *os.ProcessState
}

// Start starts a program with these files as its standard input and outputs, which stay the caller's.
func Start(args, env []string, stdin, stdout, stderr *os.File) (*Program, error) {
	name, err := exec.LookPath(args[0])
	if err != nil {
		return nil, startError{err}
	}
	process, err := os.StartProcess(name, args, &os.ProcAttr{Env: env, Files: []*os.File{stdin, stdout, stderr}, Sys: ownGroup()})
	if err != nil {
		return nil, startError{err}
	}
	p := &Program{process: process, waited: make(chan struct{})}
	go func() {
		defer close(p.waited)
		p.state, _ = process.Wait()
	}()
	return p, nil
}

// PID is the command's, and that of its process group.
func (p *Program) PID() int { return p.process.Pid }

// Ended is closed when the command has ended, be it by itself. Children of it may go on: see [Program.Stop].
func (p *Program) Ended() <-chan struct{} { return p.waited }

// Exit is how the command ended, once it has: its exit code, 128 and the signal if one ended it, and the same in words.
func (p *Program) Exit() (code int, how string) {
	if p.state == nil {
		return 1, "it could not be waited for"
	}
	if w, ok := p.state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal()), p.state.String()
	}
	return p.state.ExitCode(), p.state.String()
}

// Signal sends a signal to the command alone. One that has ended needs none.
func (p *Program) Signal(s os.Signal) error {
	if err := p.process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("signal process %d: %w", p.PID(), err)
	}
	return nil
}

// reaping is how often is looked whether what was killed is gone: for a second, and no less should this process not be run meanwhile. It
// executes nothing any more, but zombies whose parent does not want to know stay in the group for ever.
const reaping = 100

// Stop asks the command and its children to end, and kills what is left of them after the grace, or as soon as ctx ends. Nothing of the
// process group runs any more when it returns. A command that has ended may have left children: it is to be stopped, too, soon after.
func (p *Program) Stop(ctx context.Context, grace time.Duration) {
	late, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	if late.Err() == nil {
		syscall.Kill(-p.PID(), syscall.SIGTERM)
		if p.gone(late) {
			return
		}
	}
	syscall.Kill(-p.PID(), syscall.SIGKILL)
	look := time.NewTicker(looking)
	defer look.Stop()
	for n := 0; n < reaping && !p.empty(); n++ {
		<-look.C
	}
}

// looking is what lies between two looks at the group. Nobody tells when it is empty.
const looking = 10 * time.Millisecond

// gone waits until nobody is left in the group, or ctx ends.
func (p *Program) gone(ctx context.Context) bool {
	look := time.NewTicker(looking)
	defer look.Stop()
	for !p.empty() {
		select {
		case <-look.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// empty tells whether nobody is left in the group: a shell ends at once and leaves what it was running to end in its own time.
func (p *Program) empty() bool {
	select {
	case <-p.waited:
		reap(p.PID())
	default:
	}
	if syscall.Kill(-p.PID(), 0) != syscall.ESRCH {
		return false
	}
	<-p.waited
	return true
}
