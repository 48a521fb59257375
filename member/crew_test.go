package member

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"teamtask.dev/api/v1alpha1"
)

// crew is a worker of a test: its processes take their time to stop, and its Apply may hang.
type crew struct {
	pool *pool
	name string

	mu          sync.Mutex
	incarnation string // whose processes these are
	runs        map[string]int64
	slow        time.Duration // how long a process takes to stop
	stuck       chan struct{} // Apply hangs until it is closed; nil: it does not
	fails       int           // times that Apply fails
	killed      int           // times that it was killed

	cancel context.CancelFunc
	drain  func()
	result chan error
	lost   []error
}

// hire has a worker run, in the bubble of the test.
func (p *pool) hire(ctx context.Context, name string, now func() time.Duration) *crew {
	c := &crew{pool: p, name: name, runs: map[string]int64{}, result: make(chan error, 1)}
	ctx, c.cancel = context.WithCancel(ctx)
	drain := make(chan struct{})
	c.drain = sync.OnceFunc(func() { close(drain) })
	o := Options{Drain: drain, Kill: c.kill, Lost: func(err error) { c.lost = append(c.lost, err) }, Log: slog.New(slog.DiscardHandler)}
	go func() { c.result <- run(ctx, p, Worker{Name: name}, o, c.apply, now) }()
	return c
}

var errMoody = errors.New("not today")

func (c *crew) apply(ctx context.Context, part v1alpha1.AssignmentSpec) error {
	c.mu.Lock()
	slow, stuck := c.slow, c.stuck
	moody := c.fails > 0 && len(c.runs) > 0
	if moody {
		c.fails--
	}
	c.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	if moody {
		return errMoody
	}
	stop := part.Incarnation == ""
	c.mu.Lock()
	leaving := slices.DeleteFunc(slices.Collect(maps.Keys(c.runs)), func(name string) bool {
		return slices.Contains(part.Workloads, v1alpha1.Grant{Name: name, Epoch: c.runs[name]})
	})
	c.mu.Unlock()
	if len(leaving) > 0 {
		t := time.NewTimer(slow)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			if !stop {
				return ctx.Err()
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, name := range leaving {
		c.end(name)
	}
	if stop {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.incarnation = part.Incarnation
	for _, g := range part.Workloads {
		if _, ok := c.runs[g.Name]; !ok {
			c.runs[g.Name] = g.Epoch
			c.pool.started(c.incarnation, g)
		}
	}
	return nil
}

// end ends a process. The caller holds the lock.
func (c *crew) end(name string) {
	delete(c.runs, name)
	c.pool.ended(c.incarnation, name)
}

// kill ends everything, also what makes Apply hang.
func (c *crew) kill(error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killed++
	for name := range c.runs {
		c.end(name)
	}
	c.release()
}

// release has Apply hang no longer. The caller holds the lock.
func (c *crew) release() {
	if c.stuck != nil {
		close(c.stuck)
		c.stuck = nil
	}
}

// do changes the worker.
func (c *crew) do(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// running are the workloads that the worker runs.
func (c *crew) running() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.runs))
}
