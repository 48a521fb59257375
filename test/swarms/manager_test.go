package swarms

import (
	"context"

	"teamtask.dev/controller"
)

// manager runs the controllers in a site's namespace.
type manager struct {
	stop func() // at once, and waits until it has
	done chan struct{}
}

// manage starts a manager.
func (s *site) manage(f fault) *manager {
	s.t.Helper()
	return s.manageWith(f, controller.Options{})
}

// manageWith starts a manager. Where a fault keeps it from starting, it is started again, as a pod would be.
func (s *site) manageWith(f fault, o controller.Options) *manager {
	s.t.Helper()
	o.Watch, o.MetricsAddr, o.HealthAddr = []string{s.ns}, "0", "0"
	ctx, cancel := context.WithCancel(context.Background())
	m := &manager{done: make(chan struct{})}
	m.stop = func() { cancel(); <-m.done }
	cfg := config(s.t)
	cfg.Wrap(f.wrap)
	go func() {
		defer close(m.done)
		for ctx.Err() == nil {
			err := controller.Run(ctx, cfg, o)
			if err != nil && f == nil && ctx.Err() == nil {
				s.t.Errorf("a manager ends: %v", err)
				return
			}
		}
	}()
	s.t.Cleanup(m.stop)
	return m
}
