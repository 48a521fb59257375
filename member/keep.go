package member

import (
	"context"
	"errors"
	"sync"
	"time"
)

// keeper keeps a session's lease, and tells the engine what is news.
type keeper struct {
	session Session
	now     func() time.Duration
	news    chan struct{} // capacity 1: there is something to tell
	heard   chan struct{} // capacity 1: a renewal was answered, or was not

	mu      sync.Mutex
	lease   lease
	tell    Report // what the engine is to know
	told    Report // what it knows
	trouble error  // of the latest renewal; nil: it succeeded
}

func newKeeper(s Session, sent time.Duration, now func() time.Duration) *keeper {
	return &keeper{session: s, now: now, news: make(chan struct{}, 1), heard: make(chan struct{}, 1), lease: lease{sent, s.Lease()}}
}

// run renews the lease until ctx ends, or the session is over: then it says so by lost.
func (k *keeper) run(ctx context.Context, lost func(error)) {
	wait := time.NewTimer(0)
	defer wait.Stop()
	l, _, _ := k.known()
	for next := l.renewal(); ; {
		wait.Reset(min(next-k.now(), l.look()))
		select {
		case <-ctx.Done():
			return
		case <-k.news:
		case <-wait.C:
			if k.now() < next {
				continue
			}
		}
		err := k.renew(ctx)
		if errors.Is(err, ErrLost) || errors.Is(err, ErrOverdue) {
			lost(err)
			return
		}
		l, _, _ = k.known()
		next = l.renewal()
		if err != nil {
			next = k.now() + l.rest()
		}
	}
}

// renew renews the lease once.
func (k *keeper) renew(ctx context.Context) error {
	k.mu.Lock()
	say := k.tell
	ctx, cancel := context.WithTimeout(ctx, k.lease.attempt())
	k.mu.Unlock()
	defer cancel()
	sent := k.now()
	err := k.session.Renew(ctx, say)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.trouble = err
	if err == nil {
		k.lease, k.told = lease{sent, k.session.Lease()}, say
	}
	poke(k.heard)
	return err
}

// say has the engine told something, at once if it is news.
func (k *keeper) say(change func(*Report)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	before := k.tell
	if change(&k.tell); k.tell != before {
		poke(k.news)
	}
}

// known is the lease as it stands, what the engine knows, and what is wrong with the renewals.
func (k *keeper) known() (lease, Report, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lease, k.told, k.trouble
}

func poke(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
