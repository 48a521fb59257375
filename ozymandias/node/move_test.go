package node_test

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"

	"teamtask.dev/ozymandias/podman/podmantest"
	"teamtask.dev/ozymandias/schedule"
)

// An instance moves from machine to machine, as its node is drained, killed or stopped: it runs on one or on the other, and never on both,
// as the kernel sees it.
func TestMoves(t *testing.T) {
	second := podmantest.New(t)
	second.Service.Close()
	t.Cleanup(func() {
		if err := second.Restart(); err != nil {
			t.Error(err)
		}
	})
	w := newWorld(t)
	hosts := map[string]*host{"n1": w.host(machine, "n1"), "n2": w.host(second, "n2")}
	for _, h := range hosts {
		h.TTL /= 2
		h.spawn()
	}
	w.put(web("print up deaf stay"))
	epoch := w.untilHealthy(0).Epoch
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			before, other, after := len(hosts["n1"].processes()), len(hosts["n2"].processes()), len(hosts["n1"].processes())
			if before > 0 && other > 0 && after > 0 {
				t.Error("it runs on both machines")
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Millisecond):
			}
		}
	})
	drain := func(h *host, draining bool) {
		w.change(func(s schedule.State) (schedule.State, error) { return s.Drain(h.Name(), draining) })
	}
	for _, fault := range []struct {
		name       string
		begin, end func(*host)
	}{
		{"drain", func(h *host) { drain(h, true) }, func(h *host) { drain(h, false) }},
		{"kill", func(h *host) { h.kill(syscall.SIGKILL) }, (*host).spawn},
		{"stop", func(h *host) { _ = h.process.Process.Signal(syscall.SIGSTOP) }, func(h *host) { _ = h.process.Process.Signal(syscall.SIGCONT) }},
		{"end", func(h *host) { h.kill(syscall.SIGTERM) }, (*host).spawn},
	} {
		w.until("two nodes", func(map[string]schedule.Condition) bool {
			now, _, _ := w.mirror.State()
			return now.Node("n1").Alive() && now.Node("n2").Alive()
		})
		from := w.where()
		t.Logf("%s %s", fault.name, from)
		fault.begin(hosts[from])
		epoch = w.untilHealthy(epoch).Epoch
		hosts[from].empty()
		if to := w.where(); to == from {
			t.Errorf("after %s it is on %s again", fault.name, to)
		}
		fault.end(hosts[from])
	}
	stop()
	watching.Wait()
}

// where is the node that the one instance is planned on.
func (w *world) where() string {
	w.Helper()
	now, _, _ := w.mirror.State()
	for _, n := range now.Nodes {
		if len(n.Plan.Instances) > 0 && n.Alive() && n.Plan.Incarnation == n.Incarnation {
			return n.Name
		}
	}
	w.Fatalf("it is nowhere: %+v", now.Nodes)
	return ""
}
