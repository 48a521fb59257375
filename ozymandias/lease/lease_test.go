package lease_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/uptime"
)

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "4") // they mostly wait for leases to run out
	os.Exit(m.Run())
}

// ttl is so long that a machine which stands still for a few seconds misses no stage, and comes to none too early.
const ttl = 16 * time.Second

// keep keeps a lease, and returns its stages as they come, and how the keeping ends. All are closed then, so that nobody waits for more.
func keep(ctx context.Context, l *lease.Lease) (renewed <-chan struct{}, stages <-chan lease.Stage, ended <-chan error) {
	r, s, e := make(chan struct{}, 1000), make(chan lease.Stage, 10), make(chan error, 1)
	go func() {
		e <- l.Keep(ctx, func() { r <- struct{}{} }, func(stage lease.Stage) { s <- stage })
		close(r)
		close(s)
		close(e)
	}()
	return r, s, e
}

// A node that cannot reach etcd is told to stop, to kill, and that the lease is gone, in this order; and a later process of it cannot
// take up the lease again.
func TestCutOff(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t)
	l, err := lease.Grant(t.Context(), e.Cuttable, ttl)
	if err != nil {
		t.Fatal(err)
	}
	renewed, stages, ended := keep(t.Context(), l)
	<-renewed
	<-renewed
	if l.Stage() != lease.Held {
		t.Fatalf("the stage is %v, as renewals are answered", l.Stage())
	}
	e.Lose(etcdtest.Both)
	for _, want := range []lease.Stage{lease.Stop, lease.Kill, lease.Gone} {
		if got := <-stages; got != want {
			t.Fatalf("the stage became %v, want %v", got, want)
		}
	}
	if err := <-ended; !errors.Is(err, lease.ErrGone) {
		t.Errorf("Keep() = %v", err)
	}
	// etcd looks for leases that have run out twice a second.
	for {
		left, err := e.Direct.TimeToLive(t.Context(), l.ID)
		if err != nil {
			t.Fatal(err)
		}
		if left.TTL < 0 {
			break
		}
	}
	if _, err := lease.Resume(t.Context(), e.Direct, l.ID); !errors.Is(err, lease.ErrGone) {
		t.Errorf("Resume() = %v", err)
	}
}

// An answer that comes once everything is to be killed comes too late: the lease runs out, though etcd may have it for longer.
func TestTooLate(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t)
	l, err := lease.Grant(t.Context(), e.Cuttable, ttl)
	if err != nil {
		t.Fatal(err)
	}
	var after atomic.Bool
	e.Lose(etcdtest.Both)
	var stages []lease.Stage
	err = l.Keep(t.Context(), func() {
		if after.Load() {
			t.Error("renewed after everything was to be killed")
		}
	}, func(stage lease.Stage) {
		if stages = append(stages, stage); stage == lease.Kill {
			after.Store(true)
			e.Lose(etcdtest.Nothing)
		}
	})
	if !errors.Is(err, lease.ErrGone) || !slices.Equal(stages, []lease.Stage{lease.Stop, lease.Kill, lease.Gone}) {
		t.Errorf("Keep() = %v, after %v", err, stages)
	}
	if err := l.End(t.Context()); err != nil {
		t.Error(err)
	}
	if left, err := e.Direct.TimeToLive(t.Context(), l.ID); err != nil || left.TTL >= 0 {
		t.Errorf("the lease that was ended has %+v left, %v", left, err)
	}
}

// Renewals that get no answer, as from a member of etcd that has died, hold up none of those after them: there are soon more on their way.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t)
	silent := &silent{Lease: e.Direct, passed: make(chan struct{})}
	l, err := lease.Grant(t.Context(), silent, 2*ttl) // the fourth is sent after 7 s, the first given up after 12 s
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	renewed, _, ended := keep(ctx, l)
	<-renewed
	if silent.givenUp.Load() {
		t.Error("a renewal was given up before the fourth one was sent")
	}
	cancel()
	<-ended
}

// silent is a way to etcd on which renewals wait for the fourth one.
type silent struct {
	clientv3.Lease
	sent    atomic.Int32
	passed  chan struct{} // closed when the fourth is sent
	givenUp atomic.Bool
}

func (s *silent) KeepAliveOnce(ctx context.Context, id clientv3.LeaseID) (*clientv3.LeaseKeepAliveResponse, error) {
	if s.sent.Add(1) == 4 {
		close(s.passed)
	}
	select {
	case <-s.passed:
		return s.Lease.KeepAliveOnce(ctx, id)
	case <-ctx.Done():
		s.givenUp.Store(true)
		return nil, ctx.Err()
	}
}

// etcd may end a lease for its own reasons, such as an administrator's: the node hears of it at its next renewal.
func TestRevoked(t *testing.T) {
	t.Parallel()
	e := etcdtest.Start(t)
	l, err := lease.Grant(t.Context(), e.Cuttable, ttl)
	if err != nil {
		t.Fatal(err)
	}
	_, stages, ended := keep(t.Context(), l)
	if _, err := e.Direct.Revoke(t.Context(), l.ID); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, lease.ErrGone) {
		t.Errorf("Keep() = %v", err)
	}
	if last := <-stages; last != lease.Gone {
		t.Errorf("the stage became %v", last)
	}
	if l.Deadline() > uptime.Now() {
		t.Error("a watchdog would still wait")
	}
}

// A process that comes back in time has the same lease, with a time to live that etcd knows of.
func TestResume(t *testing.T) {
	e := etcdtest.Start(t)
	first, err := lease.Grant(t.Context(), e.Direct, 60*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	again, err := lease.Resume(t.Context(), e.Direct, first.ID)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID != first.ID || again.TTL != first.TTL {
		t.Errorf("resumed %x for %v, want %x for %v", again.ID, again.TTL, first.ID, first.TTL)
	}
	if again.Deadline() < first.Deadline() {
		t.Error("the resumed lease ends before the first")
	}
}

// Keep ends with its context, and leaves the lease alive.
func TestLeave(t *testing.T) {
	e := etcdtest.Start(t)
	l, err := lease.Grant(t.Context(), e.Direct, 60*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, _, ended := keep(ctx, l)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Keep() = %v", err)
	}
	if left, err := e.Direct.TimeToLive(t.Context(), l.ID); err != nil || left.TTL <= 0 {
		t.Errorf("the lease has %+v left, %v", left, err)
	}
}
