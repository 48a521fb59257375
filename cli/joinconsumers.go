package cli

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worker"
)

// consumers are the processes of `teamtask join`, one for each workload.
type consumers struct {
	template      consumerCommand
	swarm, worker string
	grace         time.Duration
	null          *os.File
	say           func(format string, args ...any)

	running map[string]*consumer // by workload; only apply knows them
}

// apply has the processes be those of a part: it is a member.Apply.
func (c *consumers) apply(ctx context.Context, part v1alpha1.AssignmentSpec) error {
	wanted := map[string]int64{}
	for _, g := range part.Workloads {
		wanted[g.Name] = g.Epoch
	}
	var leaving []string
	for _, name := range slices.Sorted(maps.Keys(c.running)) {
		if old := c.running[name]; wanted[name] != old.Epoch {
			leaving = append(leaving, name)
			old.leave(part.Incarnation != "")
		}
	}
	for _, name := range leaving {
		old := c.running[name]
		select {
		case <-old.ended:
		case <-ctx.Done():
			if part.Incarnation != "" {
				return ctx.Err()
			}
			for _, name := range leaving {
				c.running[name].force()
			}
			<-old.ended
		}
	}
	for _, name := range leaving {
		delete(c.running, name)
	}
	for _, g := range part.Workloads {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.running[g.Name] == nil {
			c.say("granted %s, epoch %d", g.Name, g.Epoch)
			c.running[g.Name] = c.start(g)
		}
	}
	return nil
}

// consumer is the process of a workload, one after the other if it ends by itself.
type consumer struct {
	v1alpha1.Grant
	*consumers
	args, env []string

	quit    context.Context // ends when it is to end
	stop    func()
	hurry   context.Context // ends when it is to be killed
	force   func()
	ended   chan struct{} // closed when nothing of it runs any more
	revoked bool
}

func (c *consumers) start(g v1alpha1.Grant) *consumer {
	x := &consumer{Grant: g, consumers: c, args: c.template.expand(g, c.worker), ended: make(chan struct{}),
		env: append(os.Environ(), "TEAMTASK_SWARM="+c.swarm, "TEAMTASK_WORKER="+c.worker, "TEAMTASK_WORKLOAD="+g.Name, fmt.Sprintf("TEAMTASK_EPOCH=%d", g.Epoch))}
	x.quit, x.stop = context.WithCancel(context.Background())
	x.hurry, x.force = context.WithCancel(context.Background())
	go func() {
		defer close(x.ended)
		defer x.force()
		x.run()
	}()
	return x
}

// leave asks the process to end.
func (x *consumer) leave(revoked bool) {
	if revoked && !x.revoked {
		x.revoked = true
		x.say("revoked %s", x.Name)
	}
	x.stop()
}

const (
	// first and longest are the pause before a process that ended is started again: it doubles each time, and is the first again once
	// a process has run as long as the longest.
	restFirst, restLongest = time.Second, time.Minute
)

// run keeps a process running until it is to end.
func (x *consumer) run() {
	for rest := restFirst; x.quit.Err() == nil; {
		begun := time.Now()
		how := x.once()
		if x.quit.Err() != nil {
			return
		}
		if time.Since(begun) >= restLongest {
			rest = restFirst
		}
		x.say("%s %s; it is started again in %s", x.Name, how, rest)
		t := time.NewTimer(rest)
		select {
		case <-t.C:
		case <-x.quit.Done():
			t.Stop()
		}
		rest = min(2*rest, restLongest)
	}
}

// once runs a process until it ends, or is to end, and says how it did.
func (x *consumer) once() (how string) {
	p, err := worker.Start(x.args, x.env, x.null, os.Stdout, os.Stderr)
	if err != nil {
		return "cannot be started: " + err.Error()
	}
	x.say("started %s, process %d", x.Name, p.PID())
	select {
	case <-p.Ended():
	case <-x.quit.Done():
	}
	p.Stop(x.hurry, x.grace) // also what children a process left that ended by itself
	<-p.Ended()
	_, how = p.Exit()
	if x.quit.Err() != nil {
		x.say("stopped %s: %s", x.Name, how)
	}
	return "ended: " + how
}
