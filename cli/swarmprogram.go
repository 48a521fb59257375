package cli

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/worker"
)

// onChange is what is done with a program when its part has changed.
type onChange struct {
	restart bool
	signal  string // its name; "": none is sent
	unknown bool
}

// changeOf reads --on-change.
func changeOf(flag string) onChange {
	name, signals := strings.CutPrefix(flag, "signal:")
	switch {
	case signals:
		return onChange{signal: name, unknown: name == ""}
	case flag == "", flag == "restart":
		return onChange{restart: true}
	}
	return onChange{unknown: flag != "none"}
}

// signalOf is a signal by its name, such as HUP; "" is none.
func signalOf(name string) (syscall.Signal, error) {
	if name == "" {
		return 0, nil
	}
	if s := unix.SignalNum("SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")); s != 0 {
		return s, nil
	}
	return 0, fmt.Errorf("%q: must be the name of a signal, such as HUP or USR1", name)
}

// parent is the agent as the parent of the program. Only apply calls it, but for the end of the program.
type parent struct {
	command []string
	change  onChange
	grace   time.Duration
	agent   *agent
	end     context.CancelCauseFunc // of the agent, when the program ends by itself
	null    *os.File
	ignored chan os.Signal // nobody reads it

	running *worker.Program // nil: none
	stops   *atomic.Bool    // it is being stopped
	gone    chan struct{}   // closed when nothing of it runs any more; nil: it is not being stopped
	force   func()          // has it killed
}

func newParent(command []string, how onChange, grace time.Duration, a *agent, end context.CancelCauseFunc) *parent {
	return &parent{command: command, change: how, grace: grace, agent: a, end: end, ignored: make(chan os.Signal, 1)}
}

// check tells whether the program can be found.
func (p *parent) check() (err error) {
	if _, err = exec.LookPath(p.command[0]); err != nil {
		return fmt.Errorf("the program cannot be run: %w", err)
	}
	s, err := signalOf(p.change.signal)
	if err != nil {
		return err
	}
	if s != 0 && signal.Ignored(s) {
		// As nohup(1) has it: the program would begin with it ignored, too, and a shell can then never trap it. What we listen for it
		// begins with as usual.
		signal.Notify(p.ignored, s)
	}
	p.null, err = os.Open(os.DevNull)
	return err
}

func (p *parent) close() {
	signal.Stop(p.ignored)
	p.null.Close()
}

// restarts tells whether the program that runs is stopped for a new part, one of the same workloads or not.
func (p *parent) restarts(same bool) bool { return p.change.restart && !same }

// tell has the program know that its part is in the file. It is started if it does not run: then it is fresh.
func (p *parent) tell(same bool) (fresh bool, err error) {
	switch {
	case p.running == nil:
		return true, p.start()
	case same, p.change.signal == "":
		return false, nil
	}
	s, err := signalOf(p.change.signal)
	if err == nil {
		err = p.running.Signal(s)
	}
	return false, err
}

func (p *parent) start() error {
	args := make([]string, len(p.command))
	for i, a := range p.command {
		args[i] = strings.ReplaceAll(a, "{file}", p.agent.file.path)
	}
	running, err := worker.Start(args, p.agent.environment(), p.null, os.Stdout, os.Stderr)
	if err != nil {
		return err
	}
	p.agent.say("started %s, process %d", worker.Line(args), running.PID())
	stops := &atomic.Bool{}
	p.running, p.stops = running, stops
	go func() {
		<-running.Ended()
		if stops.Load() {
			return
		}
		code, how := running.Exit()
		p.agent.say("the program ended: %s", how)
		p.end(exit(code))
	}()
	return nil
}

// stop stops the program. When ctx ends it is killed if this is the end of a session; otherwise it is left to its grace, as such an
// end comes next.
func (p *parent) stop(ctx context.Context, last bool) error {
	if p.running == nil {
		return nil
	}
	if p.gone == nil {
		p.stops.Store(true)
		hurry, force := context.WithCancel(context.Background())
		running, gone := p.running, make(chan struct{})
		p.gone, p.force = gone, force
		go func() {
			defer close(gone)
			defer force()
			running.Stop(hurry, p.grace)
		}()
	}
	select {
	case <-p.gone:
	case <-ctx.Done():
		if !last {
			return ctx.Err()
		}
		p.force()
		<-p.gone
	}
	p.agent.say("stopped process %d", p.running.PID())
	p.running, p.gone = nil, nil
	return nil
}
