package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/client"
	"teamtask.dev/kube"
	"teamtask.dev/server"
)

// share is a list that is being shared out.
type share struct {
	list types.NamespacedName

	made chan struct{} // closed once up and tier are there, or err is
	up   *kube.Upstream
	tier *server.Tier
	err  error

	// These belong to the gateway's lock.
	busy   int       // calls under way
	used   time.Time // when the last one ended
	broken error     // why it cannot go on
	since  time.Time // when it broke
}

const (
	// making is how long a tier may take to be made: a new list is looked at by the controller first.
	making = 40 * time.Second
	// idle is after how long a list that nobody asks about is given up, and quiet one that is over: it may be reopened, and who
	// comes then must not be told that it is over by a tier that has not seen it yet.
	idle, quiet = 10 * time.Minute, 2 * time.Second
	// farewell is how long a list that is given up may take to be turned in.
	farewell = 10 * time.Second
)

// work hands a call to the list's tier.
func (g *Gateway) work(w http.ResponseWriter, r *http.Request, list types.NamespacedName) {
	s, err := g.share(r.Context(), list)
	if err != nil {
		fail(w, err)
		return
	}
	defer g.used(s)
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+s.tier.Token())
	if ns := r.PathValue("namespace"); ns != "" {
		r.URL.Path, r.URL.RawPath = r.URL.Path[len("/namespaces/"+ns):], ""
	}
	s.tier.Handler().ServeHTTP(w, r)
}

// shared tells whether a list is being shared out.
func (g *Gateway) shared(list types.NamespacedName) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shares[list] != nil
}

// share finds a list that is being shared out, or begins to share it out: once, for all who ask meanwhile, whoever of them
// stays. It counts as used until it is said to be used no more.
func (g *Gateway) share(ctx context.Context, list types.NamespacedName) (*share, error) {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return nil, errClosed
	}
	s := g.shares[list]
	if s == nil {
		s = &share{list: list, made: make(chan struct{})}
		g.shares[list] = s
		g.loops.Go(func() { g.make(s) })
	}
	broken := s.broken
	s.busy++
	g.mu.Unlock()
	err := broken
	if err == nil {
		select {
		case <-s.made:
			err = s.err
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil {
		g.used(s)
		return nil, err
	}
	return s, nil
}

func (g *Gateway) used(s *share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.busy--
	s.used = time.Now()
}

// make makes the tier. Where that fails the next call begins anew.
func (g *Gateway) make(s *share) {
	defer close(s.made)
	ctx, cancel := context.WithTimeout(g.ctx, making)
	defer cancel()
	up := kube.New(kube.Options{Client: g.o.Client, Namespace: s.list.Namespace, List: s.list.Name, Worker: g.o.Name, Bulk: true,
		Pace: g.pace, Writes: g.metrics.writes, Fatal: func(err error) { g.fatal(s, err) }, Log: g.o.Log})
	tier, err := server.NewTier(ctx, server.TierOptions{Upstream: up, List: s.list.Name, Name: g.o.Name, Log: g.o.Log.With("namespace", s.list.Namespace)})
	if err == nil {
		s.up, s.tier = up, tier
		return
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	s.err = errors.Join(lacking(err), up.Close(last)) // it holds nothing yet
	if g.ctx.Err() != nil {
		s.err = errClosed
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drop(s)
}

// lacking says whose right is missing where the API server refused the gateway: the caller's are not at fault.
func lacking(err error) error {
	var p *client.Problem
	if errors.As(err, &p) && (p.Status == http.StatusForbidden || p.Status == http.StatusUnauthorized) {
		return problem(http.StatusServiceUnavailable, "the gateway itself lacks a right: "+p.Error())
	}
	return err
}

// drop forgets a share. It is called under the lock.
func (g *Gateway) drop(s *share) {
	if g.shares[s.list] == s {
		delete(g.shares, s.list)
	}
}

// fatal ends a share that cannot go on, as far as one can know: its callers are told why, for a while, and then it is tried anew.
func (g *Gateway) fatal(s *share, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.broken != nil || g.closed {
		return
	}
	g.o.Log.Error("a list cannot be shared out", "namespace", s.list.Namespace, "worklist", s.list.Name, "error", err)
	s.broken, s.since = lacking(fmt.Errorf("the gateway cannot share the list out: %w", err)), time.Now()
	g.loops.Go(func() { g.end(s) })
}

// end closes a share.
func (g *Gateway) end(s *share) {
	<-s.made
	last, cancel := context.WithTimeout(context.WithoutCancel(g.ctx), farewell)
	defer cancel()
	if err := s.close(last); err != nil {
		g.o.Log.Warn("not all could be given back; the cluster will take it", "namespace", s.list.Namespace, "worklist", s.list.Name, "error", err)
	}
}

func (s *share) close(ctx context.Context) error {
	if s.tier == nil {
		return nil
	}
	return errors.Join(s.tier.Close(ctx), s.up.Close(ctx))
}

// sweep gives up lists that nobody asks about any more, and those that are over.
func (g *Gateway) sweep() {
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-look.C:
		}
		for _, s := range g.unused() {
			over := s.over(g.ctx)
			g.mu.Lock()
			if s.busy == 0 && !g.closed && (over || time.Since(s.used) > idle) {
				g.drop(s)
				g.loops.Go(func() { g.end(s) })
			}
			g.mu.Unlock()
		}
	}
}

// unused are the shares that no call has used for a moment; those that broke some time ago are dropped.
func (g *Gateway) unused() (out []*share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.shares {
		switch {
		case s.broken != nil:
			if time.Since(s.since) > remembered {
				g.drop(s)
			}
		case s.busy == 0 && !s.used.IsZero() && time.Since(s.used) > quiet:
			out = append(out, s)
		}
	}
	return out
}

// over tells whether the list is over, or gone. What its tier has read lately is good enough.
func (s *share) over(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	wl, err := s.up.Get(ctx, s.list.Name)
	return err == nil && wl.Status.Phase().Over() || client.IsNotFound(err)
}
