package faults

import (
	"context"

	"teamtask.dev/controller"
)

// manager runs the controllers in a site's namespace.
type manager struct {
	stop func() // at once, and waits until it has
	done chan struct{}
}

// manage starts a manager. Where a fault keeps it from starting, it is started again, as a pod would be.
func (s *site) manage(f fault) *manager {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	m := &manager{done: make(chan struct{})}
	m.stop = func() { cancel(); <-m.done }
	cfg := config(s.t)
	go func() {
		defer close(m.done)
		for ctx.Err() == nil {
			err := controller.Run(ctx, cfg, controller.Options{Watch: []string{s.ns}, Transport: f.wrap, MetricsAddr: "0", HealthAddr: "0"})
			if err != nil && f == nil && ctx.Err() == nil {
				s.t.Errorf("a manager ends: %v", err)
				return
			}
		}
	}()
	s.t.Cleanup(m.stop)
	return m
}
