package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/uptime"
)

// DefaultTTL is how long a lease lasts unless it is renewed.
const DefaultTTL = 8 * time.Second

// ErrGone says that etcd has ended the lease. It does not come back.
var ErrGone = errors.New("the lease is gone")

// A Stage is how far a lease has run out.
type Stage int

// The stages, in their order. From Stop the way back to Held is open; from Kill there is none, as what was killed may be placed
// elsewhere by the time anybody looks.
const (
	Held Stage = iota // run what the plan says
	Stop              // ask everything to stop
	Kill              // end by force what has not
	Gone              // etcd may have ended the lease
)

func (s Stage) String() string { return [...]string{"Held", "Stop", "Kill", "Gone"}[s] }

// A Lease is a node's, in etcd.
type Lease struct {
	ID clientv3.LeaseID
	// TTL is the time to live that etcd gave it, which may be more than was asked for.
	TTL time.Duration

	client clientv3.Lease
	sent   atomic.Int64 // when the last renewal that was answered was sent, by package uptime
}

// Grant takes a new lease. ttl is rounded up to whole seconds, in which etcd counts.
func Grant(ctx context.Context, client clientv3.Lease, ttl time.Duration) (*Lease, error) {
	sent := uptime.Now()
	answer, err := client.Grant(ctx, int64((ttl+time.Second-1)/time.Second))
	if err != nil {
		return nil, fmt.Errorf("take a lease from etcd: %w", err)
	}
	l := &Lease{ID: answer.ID, TTL: time.Duration(answer.TTL) * time.Second, client: client}
	l.sent.Store(int64(sent))
	return l, nil
}

// Resume takes up a lease that an earlier process of this node was granted. The error is ErrGone if it did not live any more.
func Resume(ctx context.Context, client clientv3.Lease, id clientv3.LeaseID) (*Lease, error) {
	l := &Lease{ID: id, client: client}
	if err := l.renew(ctx); err != nil {
		return nil, fmt.Errorf("take up the lease %x: %w", id, err)
	}
	return l, nil
}

// renew renews the lease once. Only one renewal is ever under way.
func (l *Lease) renew(ctx context.Context) error {
	sent := uptime.Now()
	answer, err := l.client.KeepAliveOnce(ctx, l.ID)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return ErrGone
	}
	if err != nil {
		return err
	}
	if l.TTL == 0 {
		l.TTL = time.Duration(answer.TTL) * time.Second
	}
	l.sent.Store(int64(sent))
	return nil
}

// Until is when etcd may end the lease, by package uptime.
func (l *Lease) Until() time.Duration { return time.Duration(l.sent.Load()) + l.TTL }

// Guard is when nothing may run any more, by package uptime: that is for a watchdog to see to.
func (l *Lease) Guard() time.Duration { return time.Duration(l.sent.Load()) + l.TTL*9/10 }

// Stage is how far the lease has run out by now.
func (l *Lease) Stage() Stage { return stage(uptime.Now()-time.Duration(l.sent.Load()), l.TTL) }

// stage is how far a lease has run out that long after the last renewal that was answered was sent. A change of etcd's leader takes
// up to two seconds, which is to stop nothing; what is asked to stop has a quarter of the time to do so; and what is left after that
// is for the killing itself, and for clocks that go at different rates.
func stage(since, ttl time.Duration) Stage {
	switch {
	case since < ttl*9/16:
		return Held
	case since < ttl*13/16:
		return Stop
	case since < ttl:
		return Kill
	}
	return Gone
}

// Keep renews the lease, eight times in each time to live, until ctx ends or the lease is gone. It calls renewed after each renewal
// that was answered, and turned when the stage changes, from one goroutine each; neither may wait for long. After Kill it renews no
// more: the stage goes on to Gone.
//
// The error is ctx's, or ErrGone.
func (l *Lease) Keep(ctx context.Context, renewed func(), turned func(Stage)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var both sync.WaitGroup
	both.Go(func() { cancel(l.watch(ctx, turned)) })
	both.Go(func() {
		if err := l.renewals(ctx, renewed); errors.Is(err, ErrGone) {
			cancel(err)
		}
	})
	both.Wait()
	return context.Cause(ctx)
}

// renewals renews the lease as long as nothing was killed. It returns ErrGone if etcd says so.
func (l *Lease) renewals(ctx context.Context, renewed func()) error {
	every := time.NewTicker(l.TTL / 8)
	defer every.Stop()
	for l.Stage() < Kill {
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
		// One that takes longer than this is sent anew, perhaps to another member.
		attempt, cancel := context.WithTimeout(ctx, l.TTL/4)
		err := l.renew(attempt)
		cancel()
		switch {
		case errors.Is(err, ErrGone):
			return err
		case err == nil:
			renewed()
		}
	}
	return nil
}

// watch tells of each change of the stage, until ctx ends or the lease is gone. It looks at the clock often, as timers stand still
// while the machine sleeps.
func (l *Lease) watch(ctx context.Context, turned func(Stage)) error {
	look := time.NewTicker(max(l.TTL/100, time.Millisecond))
	defer look.Stop()
	last := Held
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		now := l.Stage()
		if last >= Kill {
			now = max(now, last) // a renewal that was under way was answered: too late
		}
		if now == last {
			continue
		}
		turned(now)
		if last = now; now == Gone {
			return ErrGone
		}
	}
}
