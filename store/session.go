package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// session is this server's etcd lease. While it lasts, what the server has acquired is its own.
type session struct {
	owner Owner
	lease clientv3.LeaseID
	done  chan struct{}             // closed when the lease is gone
	sure  atomic.Pointer[time.Time] // until when it lasts for certain

	client *clientv3.Client
	stop   context.CancelFunc
	alive  sync.WaitGroup
}

func startSession(ctx context.Context, s *Store, url string, ttl time.Duration) (*session, error) {
	if ttl == 0 {
		ttl = 5 * time.Second
	}
	seconds := max(2, int64(ttl/time.Second)) // etcd counts in whole seconds
	sent := time.Now()
	grant, err := s.client.Grant(ctx, seconds)
	if err != nil {
		return nil, fmt.Errorf("take a lease from etcd: %w", err)
	}
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	answers, err := s.client.KeepAlive(keep, grant.ID)
	if err != nil {
		stop()
		return nil, fmt.Errorf("keep the lease in etcd: %w", err)
	}
	x := &session{owner: Owner{Server: rand.Text()[:12], URL: url}, lease: grant.ID, done: make(chan struct{}),
		client: s.client, stop: stop}
	x.lasts(sent, seconds)
	x.alive.Go(func() {
		defer close(x.done)
		for range answers {
		}
	})
	x.alive.Go(func() { x.measure(keep, time.Duration(seconds)*time.Second/4) })
	return x, nil
}

// lasts takes in that the lease had so many seconds left at some time after the one given.
func (x *session) lasts(at time.Time, seconds int64) {
	until := at.Add(time.Duration(seconds) * time.Second)
	x.sure.Store(&until)
}

// measure asks now and then for how long the lease lasts still. An answer counts from when it was asked for; that of a renewal does
// not say which of several requests it is for.
func (x *session) measure(ctx context.Context, often time.Duration) {
	ticker := time.NewTicker(often)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		sent := time.Now()
		call, cancel := context.WithTimeout(ctx, 2*often)
		resp, err := x.client.TimeToLive(call, x.lease)
		cancel()
		if err == nil {
			x.lasts(sent, resp.TTL) // rounded down; -1: it is gone
		}
	}
}

// Holds tells whether this server certainly owns still what it has acquired and not lost: nobody else can have acquired it
// meanwhile. By the wall clock as well: the other one stands still while the machine sleeps.
func (s *Store) Holds() bool {
	now, until := time.Now(), *s.session.sure.Load()
	return now.Before(until) && now.Round(0).Before(until.Round(0))
}

func (x *session) close() {
	x.stop()
	x.alive.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	x.client.Revoke(ctx, x.lease) // otherwise they are free when the lease has run out
}

// Me is this server as others see it.
func (s *Store) Me() Owner { return s.session.owner }
