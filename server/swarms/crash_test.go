package swarms

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"teamtask.dev/api/v1alpha1"
)

// owners is what all workers run, as they see it themselves.
type owners struct {
	t *testing.T

	mu    sync.Mutex
	of    map[string]string // worker by workload
	epoch map[string]int64  // the greatest under which a workload was run
}

// set has a worker run a part, and nothing else.
func (o *owners) set(worker string, part []v1alpha1.Grant) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.of, func(workload, owner string) bool {
		return owner == worker && !slices.ContainsFunc(part, func(g v1alpha1.Grant) bool { return g.Name == workload })
	})
	for _, g := range part {
		if other, ok := o.of[g.Name]; ok && other != worker {
			o.t.Errorf("%s is run by %s, and by %s", g.Name, other, worker)
		}
		if g.Epoch < o.epoch[g.Name] {
			o.t.Errorf("%s runs %s under epoch %d, after %d", worker, g.Name, g.Epoch, o.epoch[g.Name])
		}
		o.of[g.Name], o.epoch[g.Name] = worker, g.Epoch
	}
}

func (o *owners) owned() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.of)
}

// member is a worker that goes by the rules of package member, on the clock of the test.
func (w *world) member(ctx context.Context, name string, o *owners, engine func() *Engine) {
	for ctx.Err() == nil {
		sent := time.Now()
		resp, err := engine().Join(ctx, v1alpha1.JoinRequest{Worker: name})
		if err == nil {
			w.serve(ctx, name, resp, sent, o, engine)
		}
		wait(ctx, 500*time.Millisecond)
	}
}

// serve runs what the worker is told until its session is over, or its lease may be.
func (w *world) serve(ctx context.Context, name string, s v1alpha1.JoinResponse, sent time.Time, o *owners, engine func() *Engine) {
	defer o.set(name, nil)
	runs := int64(0)
	for time.Since(sent) < s.Lease.Duration*9/10 && ctx.Err() == nil {
		a, ok, changed, err := engine().Follow(name, s.Incarnation)
		if ok && a.Spec.Version != runs {
			o.set(name, a.Spec.Workloads)
			runs = a.Spec.Version
		}
		at := time.Now()
		if err == nil {
			_, err = engine().Renew(name, v1alpha1.RenewalRequest{Incarnation: s.Incarnation, Version: runs})
		}
		switch {
		case err == nil:
			sent = at
		case !errors.Is(err, ErrGone) && !errors.Is(err, context.Canceled):
			return
		default:
			changed = nil
		}
		again := time.NewTimer(s.Lease.Duration / 10)
		select {
		case <-ctx.Done():
		case <-changed:
		case <-again.C:
		}
		again.Stop()
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// The server is killed after its n-th write, for every n, while workers come and go and one is cut off for longer than its lease. No
// workload is ever run by two, its epochs only grow, and in the end each is run by somebody. So it is with patience and without.
func TestKilledAfterEveryWrite(t *testing.T) {
	for _, patience := range []time.Duration{0, 20 * time.Second} {
		t.Run(patience.String(), func(t *testing.T) {
			const least = 30
			whole := 0
			for n := 1; n <= max(whole, least) && !t.Failed(); n++ {
				synctest.Test(t, func(t *testing.T) {
					whole = max(whole, killed(t, n, patience))
				})
			}
			t.Logf("%d writes", whole)
		})
	}
}

// killed is one life of a swarm whose server is killed after so many writes. It returns how many there were in all.
func killed(t *testing.T, after int, patience time.Duration) (writes int) {
	const workloads = 7
	w := &world{t: t, record: &memory{takes: time.Millisecond, parts: map[string][]byte{}, crash: after}, swarm: streams(names(workloads))}
	w.swarm.Spec.Handover.Patience = duration(patience)
	o := &owners{t: t, of: map[string]string{}, epoch: map[string]int64{}}
	w.take()
	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	engine := func() *Engine {
		mu.Lock()
		defer mu.Unlock()
		return w.Engine
	}
	var all sync.WaitGroup
	all.Go(func() { // whoever takes the swarm over
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-engine().Ended():
				wait(ctx, time.Second)
				w.record.lives()
				mu.Lock()
				w.take()
				mu.Unlock()
			}
		}
	})
	cut, nobody := atomic.Bool{}, &Engine{holds: func() bool { return false }}
	all.Go(func() { w.member(ctx, "a", o, engine) })
	all.Go(func() { w.member(ctx, "b", o, engine) })
	all.Go(func() {
		w.member(ctx, "c", o, func() *Engine {
			if cut.Load() {
				return nobody
			}
			return engine()
		})
	})
	wait(ctx, 3*time.Second)
	short, dies := context.WithCancel(ctx)
	var d sync.WaitGroup
	d.Go(func() { w.member(short, "d", o, engine) })
	wait(ctx, 5*time.Second)
	dies()
	d.Wait()
	cut.Store(true)
	wait(ctx, 15*time.Second)
	cut.Store(false)
	wait(ctx, 2*time.Minute)
	synctest.Wait()
	if got := o.owned(); got != workloads {
		t.Errorf("killed after %d writes: %d workloads are run, of %d", after, got, workloads)
	}
	stop()
	all.Wait()
	if err := engine().Close(context.WithoutCancel(ctx)); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.Logf("killed after %d writes", after)
	}
	return w.record.lives()
}
