package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/store"
	"teamtask.dev/worklist"
)

// pollEvery is how often the server looks at the world although nothing told it to: missed events cost that much.
const pollEvery = 5 * time.Second

// find is the keeper of a list: this server's, made now if nobody owns the list; or nil and the server that does.
func (s *Server) find(ctx context.Context, name string) (*keeper, store.Owner, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, store.Owner{}, errGone
	}
	x := s.lists[name]
	if x == nil {
		x = &slot{}
		s.lists[name] = x
	}
	s.mu.Unlock()

	x.mu.Lock()
	defer x.mu.Unlock()
	if k := x.keeper.Load(); k != nil {
		if k.read(func(time.Time) {}) == nil {
			return k, s.store.Me(), nil
		}
		k.stop()
		<-k.ended
		x.keeper.Store(nil)
	}
	l, wl, err := s.load(ctx, name)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			s.mu.Lock()
			delete(s.lists, name)
			s.mu.Unlock()
		}
		return nil, store.Owner{}, err
	}
	tenure, owner, err := s.store.Acquire(ctx, l)
	if err != nil {
		return nil, store.Owner{}, err
	}
	if tenure == nil {
		return nil, owner, nil
	}
	k, err := takeOver(ctx, tenure, wl, s.secret, x.taken || !s.exclusive, s.catalog.send, s.metrics.counters, s.log)
	if err != nil {
		tenure.Release(ctx) // somebody may have better luck; if not, the lease runs out
		return nil, store.Owner{}, err
	}
	x.keeper.Store(k)
	x.taken = true
	s.hold(ctx, k, wl)
	return k, owner, nil
}

// load reads a list's manifest.
func (s *Server) load(ctx context.Context, name string) (*store.List, *v1alpha1.Worklist, error) {
	l, err := s.store.Get(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	wl, err := manifest(l)
	return l, wl, err
}

// errStale refuses a change of a list that was changed since it was read.
var errStale = errors.New("the list was changed since it was read (metadata.resourceVersion, If-Match); read it again, and change that")

func manifest(l *store.List) (*v1alpha1.Worklist, error) {
	wl := &v1alpha1.Worklist{}
	if err := json.Unmarshal(l.Manifest, wl); err != nil {
		return nil, fmt.Errorf("list %s: the stored manifest is damaged: %w", l.Name, err)
	}
	wl.ResourceVersion = l.Version()
	return wl, nil
}

// takeFree owns what nobody owns and is not over, so that deadlines strike and waiting lists start; and lets lists go on
// whose predecessors are complete.
func (s *Server) takeFree(ctx context.Context) {
	every(ctx, pollEvery, s.catalog.next, func(ctx context.Context) {
		after := ""
		for {
			lists, more, err := s.store.Lists(ctx, after, 100)
			if err != nil {
				if ctx.Err() == nil {
					s.log.Warn("the lists could not be read", "error", err)
				}
				return
			}
			for _, l := range lists {
				after = l.Name
				if err := s.tend(ctx, l); err != nil && ctx.Err() == nil {
					s.log.Warn("a list could not be tended", "worklist", l.Name, "error", err)
				}
			}
			if !more {
				return
			}
		}
	})
}

func (s *Server) tend(ctx context.Context, l *store.List) error {
	wl, err := manifest(l)
	if err != nil {
		return err
	}
	s.mu.Lock()
	x, over := s.lists[l.Name], s.over[l.Name] == l.UID
	s.mu.Unlock()
	if x == nil && over {
		return nil
	}
	if x == nil {
		rec, err := s.store.Record(ctx, l)
		if err == nil && rec.End.Over() {
			s.mu.Lock()
			s.over[l.Name] = l.UID
			s.mu.Unlock()
		}
		if err != nil || rec.End.Over() {
			return err
		}
	}
	k, _, err := s.find(ctx, l.Name)
	if err != nil || k == nil {
		return err
	}
	s.hold(ctx, k, wl)
	return nil
}

// watchOwners takes lists over as soon as their owner is gone.
func (s *Server) watchOwners(ctx context.Context) {
	for ctx.Err() == nil {
		s.store.WatchOwners(ctx, func(name string) {
			s.mu.Lock()
			delete(s.over, name) // its owner may have reopened it
			s.mu.Unlock()
			s.catalog.send()
		})
		select { // the watch broke: the poll goes on meanwhile
		case <-ctx.Done():
		case <-time.After(pollEvery):
		}
	}
}

// hold keeps a list back while those it comes after are not complete.
func (s *Server) hold(ctx context.Context, k *keeper, wl *v1alpha1.Worklist) {
	var open []string
	for _, name := range wl.Spec.After {
		if phase, err := s.phase(ctx, name); err != nil || phase != v1alpha1.PhaseComplete {
			what := string(phase)
			if err != nil {
				what = "unknown"
				if errors.Is(err, store.ErrNotFound) {
					what = "does not exist"
				}
			}
			open = append(open, fmt.Sprintf("%s (%s)", name, what))
		}
	}
	reason := ""
	if len(open) > 0 {
		reason = "it comes after " + strings.Join(open, ", ")
	}
	k.setPolicy(func(p *worklist.Policy) { p.WaitingFor = reason })
}

// phase is where a list stands, as far as its record says.
func (s *Server) phase(ctx context.Context, name string) (v1alpha1.Phase, error) {
	l, err := s.store.Get(ctx, name)
	if err != nil {
		return "", err
	}
	rec, err := s.store.Record(ctx, l)
	if err != nil {
		return "", err
	}
	if rec.End.Phase == "" {
		return v1alpha1.PhaseActive, nil
	}
	return v1alpha1.Phase(rec.End.Phase), nil
}
