package chaos

import (
	"context"
	"testing"

	"k8s.io/client-go/rest"

	"teamtask.dev/controller"
)

// Manager runs the controllers.
type Manager struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// Manage starts a manager, which ends with the test at the latest. Where a fault keeps it from starting, it is started again, as a pod
// would be; without one (nil) it must not end by itself.
func Manage(t *testing.T, cfg *rest.Config, f Fault, o controller.Options) *Manager {
	t.Helper()
	o.MetricsAddr, o.HealthAddr = "0", "0"
	ctx, cancel := context.WithCancel(context.Background())
	m := &Manager{cancel: cancel, done: make(chan struct{})}
	cfg = rest.CopyConfig(cfg)
	cfg.Wrap(f.Wrap)
	go func() {
		defer close(m.done)
		for ctx.Err() == nil {
			err := controller.Run(ctx, cfg, o)
			if err != nil && f == nil && ctx.Err() == nil {
				t.Errorf("a manager ends: %v", err)
				return
			}
		}
	}()
	t.Cleanup(m.Stop)
	return m
}

// Stop ends the manager at once, and waits until it has.
func (m *Manager) Stop() {
	m.cancel()
	<-m.done
}

// ManageKilled starts a manager that is killed when the fuse blows; another one goes on.
func ManageKilled(t *testing.T, cfg *rest.Config, f *Fuse, o controller.Options) {
	t.Helper()
	first := Manage(t, cfg, f.Fault, o)
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-f.Blown():
			first.Stop()
			Manage(t, cfg, nil, o)
		case <-over:
		}
	}()
	t.Cleanup(func() { close(over); <-ended })
}
