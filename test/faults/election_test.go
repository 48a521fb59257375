package faults

import (
	"context"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller"
	"teamtask.dev/test/chaos"
)

// replica is one of several managers that elect a leader. It may be cut off.
type replica struct {
	*chaos.Manager
	cut    atomic.Bool
	writes counter
}

func (s *site) replica() *replica {
	s.t.Helper()
	r := &replica{}
	r.Manager = s.manageWith(func(req *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if r.cut.Load() {
			return nil, syscall.ECONNREFUSED
		}
		return r.writes.fault(req, send)
	}, controller.Options{LeaderElect: true, Namespace: s.ns})
	return r
}

// Of two replicas one leads, and the other writes nothing. When the leader is cut off the other goes on, and leads still when the first
// is back; when it is stopped, the first goes on at once. No range is lost or given out twice, as the watcher sees to.
func TestElection(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	one, other := s.replica(), s.replica()
	s.create("list", v1alpha1.WorklistSpec{Size: 60, Block: v1alpha1.BlockPolicy{Size: 2, Timeout: seconds(3600)}})
	held := s.take("list", "w")
	leader, follower := one, other
	if one.writes.Load() == 0 {
		leader, follower = other, one
	}
	do := func(n int) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for range n {
			x, err := s.worker("list", "w").ask(ctx)
			if err != nil {
				t.Fatal(err)
			}
			x.must(x.next(ctx), "a range is given out")
			x.finish(ctx, v1alpha1.BlockDone, nil)
		}
	}
	do(5)
	if leader.writes.Load() == 0 || follower.writes.Load() > 0 {
		t.Errorf("the replicas have written %d and %d times: which one leads?", leader.writes.Load(), follower.writes.Load())
	}

	leader.cut.Store(true)
	do(5)
	if follower.writes.Load() == 0 {
		t.Error("nobody has taken over, and work is given out")
	}
	leader.cut.Store(false)
	before := leader.writes.Load()
	do(5)
	if n := leader.writes.Load() - before; n > 0 {
		t.Errorf("a replica that has lost the lead writes %d times", n)
	}

	follower.Stop()
	do(5)
	held.done()
	s.finishAll("list")
	s.complete("list", 0)
}
