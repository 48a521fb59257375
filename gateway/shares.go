package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
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

	looking  sync.Mutex // held while it is found out whether
	reopened bool       // the list goes on that the tier knows as over,
	lookErr  error      // or why that cannot be found out,
	looked   time.Time  // at that time
}

const (
	// making is how long a tier may take to be made: a new list is looked at by the controller first.
	making = 40 * time.Second
	// idle is after how long a list that nobody asks about is given up.
	idle = 10 * time.Minute
	// farewell is how long a list that is given up may take to be turned in.
	farewell = 10 * time.Second
)

// work hands a call to the list's tier.
func (g *Gateway) work(w http.ResponseWriter, r *http.Request, list types.NamespacedName) {
	s, err := g.current(r.Context(), list)
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

// current is a list that is being shared out, and not over if it is not over now: a worker who comes once a list is reopened
// must not be told by a tier that has not seen it yet that there is nothing to do.
func (g *Gateway) current(ctx context.Context, list types.NamespacedName) (*share, error) {
	for {
		s, err := g.share(ctx, list)
		if err != nil || !s.tier.Over() {
			return s, err
		}
		reopened, err := g.reopened(ctx, s)
		if err == nil && !reopened {
			return s, nil
		}
		if err == nil {
			g.giveUp(s)
		}
		g.used(s)
		if err != nil {
			return nil, err
		}
	}
}

// reopened tells whether a list goes on that its tier knows as over. It is as things are at some time after the call: of many
// that ask at the same time one or two look.
func (g *Gateway) reopened(ctx context.Context, s *share) (bool, error) {
	asked := time.Now()
	s.looking.Lock()
	defer s.looking.Unlock()
	if s.looked.Before(asked) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		s.looked = time.Now()
		var wl *v1alpha1.Worklist
		wl, s.lookErr = g.read(ctx, s.list)
		s.reopened = s.lookErr == nil && !wl.Status.Phase().Over()
	}
	return s.reopened, s.lookErr
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
	if s == nil || s.broken != nil && time.Since(s.since) > remembered {
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
	tier, err := server.NewTier(ctx, server.TierOptions{Upstream: up, List: s.list.Name, Name: g.o.Name, Ready: g.room, Log: g.o.Log.With("namespace", s.list.Namespace)})
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
	if g.shares[s.list] == s {
		delete(g.shares, s.list)
	}
}

// room waits until there is room for a write: completions that come until then are in it.
func (g *Gateway) room(ctx context.Context) error {
	for {
		tokens := g.pace.Tokens()
		if tokens >= 1 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration((1 - tokens) / writesPerSecond * float64(time.Second))):
		}
	}
}

// lacking says whose right is missing where the API server refused the gateway: the caller's are not at fault.
func lacking(err error) error {
	var p *client.Problem
	if errors.As(err, &p) && (p.Status == http.StatusForbidden || p.Status == http.StatusUnauthorized) {
		return problem(http.StatusServiceUnavailable, "the gateway itself lacks a right: "+p.Error())
	}
	return err
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

// sweep gives up lists that nobody asks about any more.
func (g *Gateway) sweep() {
	look := time.NewTicker(idle / 10)
	defer look.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-look.C:
		}
		for _, s := range g.unused() {
			g.giveUp(s)
		}
	}
}

func (g *Gateway) unused() (out []*share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.shares {
		if s.busy == 0 && time.Since(s.used) > idle {
			out = append(out, s)
		}
	}
	return out
}

// giveUp ends a share, whose next call makes a new one. Calls under way are refused as when the gateway stops.
func (g *Gateway) giveUp(s *share) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shares[s.list] == s {
		delete(g.shares, s.list)
		g.loops.Go(func() { g.end(s) })
	}
}
