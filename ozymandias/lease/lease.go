package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/uptime"
)

// DefaultTTL is how long a lease lasts unless it is renewed.
const DefaultTTL = 7 * time.Second

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

	mu   sync.Mutex
	sent time.Duration // when the last renewal that was answered was sent, by package uptime
	over bool          // it has come to Kill: no answer, however late, brings it back
}

// Grant takes a new lease. ttl is rounded up to whole seconds, in which etcd counts.
func Grant(ctx context.Context, client clientv3.Lease, ttl time.Duration) (*Lease, error) {
	sent := uptime.Now()
	answer, err := client.Grant(ctx, int64((ttl+time.Second-1)/time.Second))
	if err != nil {
		return nil, fmt.Errorf("take a lease from etcd: %w", err)
	}
	return &Lease{ID: answer.ID, TTL: time.Duration(answer.TTL) * time.Second, client: client, sent: sent}, nil
}

// Resume takes up a lease that an earlier process of this node was granted. The error is ErrGone if it did not live any more.
func Resume(ctx context.Context, client clientv3.Lease, id clientv3.LeaseID) (*Lease, error) {
	sent := uptime.Now()
	answer, err := client.KeepAliveOnce(ctx, id)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		err = ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("take up the lease %x: %w", id, err)
	}
	return &Lease{ID: id, TTL: time.Duration(answer.TTL) * time.Second, client: client, sent: sent}, nil
}

// End has etcd end the lease now, so that nobody has to wait for it. Nothing may run any more.
func (l *Lease) End(ctx context.Context) error {
	l.lose()
	if _, err := l.client.Revoke(ctx, l.ID); err != nil && !errors.Is(err, rpctypes.ErrLeaseNotFound) {
		return fmt.Errorf("end the lease %x: %w", l.ID, err)
	}
	return nil
}

// renew renews the lease once, and tells whether that was in time.
func (l *Lease) renew(ctx context.Context) (bool, error) {
	sent := uptime.Now()
	_, err := l.client.KeepAliveOnce(ctx, l.ID)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		l.lose()
	}
	if err != nil {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.look() >= Kill {
		return false, nil
	}
	l.sent = max(l.sent, sent) // one that was sent later may have been answered before
	return true, nil
}

// lose takes in that the lease is gone.
func (l *Lease) lose() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over, l.sent = true, min(l.sent, uptime.Now()-l.TTL)
}

// Deadline is when nothing may run any more, by package uptime: that is for a watchdog to see to.
func (l *Lease) Deadline() time.Duration { return l.after(l.TTL * 9 / 10) }

// KillAt is when what still runs is killed unless a renewal is answered before, by package uptime: that is when the stage Kill begins.
func (l *Lease) KillAt() time.Duration { return l.after(killAfter(l.TTL)) }

func (l *Lease) after(d time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent + d
}

// Stage is how far the lease has run out by now. It goes on past Kill only, as soon as anybody has seen it there.
func (l *Lease) Stage() Stage {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.look()
}

// look is Stage. l is locked.
func (l *Lease) look() Stage {
	now := stage(uptime.Now()-l.sent, l.TTL)
	l.over = l.over || now >= Kill
	if l.over {
		now = max(now, Kill)
	}
	return now
}

// stage is how far a lease has run out that long after the last renewal that was answered was sent. Until etcd has another leader, or a
// connection to a machine that has died is given up, takes up to two seconds, which is to stop nothing; what is asked to stop has a quarter of
// the time to do so; and what is left after that is for the killing itself, and for clocks that go at different rates.
func stage(since, ttl time.Duration) Stage {
	switch {
	case since < ttl*9/16:
		return Held
	case since < killAfter(ttl):
		return Stop
	case since < ttl:
		return Kill
	}
	return Gone
}

func killAfter(ttl time.Duration) time.Duration { return ttl * 13 / 16 }

// Keep renews the lease, eight times in each time to live and more often as long as that fails, until ctx ends or the lease is gone. It calls
// renewed after each renewal that was answered in time, and turned when the stage changes, from one goroutine each; neither may wait for long.
// A stage may be left out: a machine that slept, or whose lease was ended by somebody else, finds it Gone.
//
// The error is ctx's, or ErrGone.
func (l *Lease) Keep(ctx context.Context, renewed func(), turned func(Stage)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var both sync.WaitGroup
	both.Go(func() { cancel(l.watch(ctx, turned)) })
	both.Go(func() { l.renewals(ctx, renewed) })
	both.Wait()
	return context.Cause(ctx)
}

// renewals renews the lease as long as nothing has to be killed. A renewal may wait for a member of etcd that has died, or for a new leader. It
// holds up nothing: as long as none is answered one after the other is sent, to one member or another, and for each there is some time.
func (l *Lease) renewals(ctx context.Context, renewed func()) {
	ctx, cancel := context.WithCancel(ctx)
	var attempts sync.WaitGroup
	defer attempts.Wait()
	defer cancel()
	next := time.NewTimer(l.due())
	defer next.Stop()
	for answered := make(chan struct{}); l.Stage() < Kill; {
		select {
		case <-ctx.Done():
			return
		case <-answered:
			renewed()
			next.Reset(l.due())
			continue
		case <-next.C:
			next.Reset(l.TTL / 32) // far more than an answer takes
		}
		attempts.Go(func() {
			attempt, done := context.WithTimeout(ctx, l.TTL/4)
			defer done()
			if inTime, err := l.renew(attempt); err != nil || !inTime {
				return
			}
			select {
			case answered <- struct{}{}:
			case <-ctx.Done():
			}
		})
	}
}

// due is how long it is until the next renewal, if the last one that was sent is answered.
func (l *Lease) due() time.Duration { return l.after(l.TTL/8) - uptime.Now() }

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
		if now == last {
			continue
		}
		turned(now)
		if last = now; now == Gone {
			return ErrGone
		}
	}
}
