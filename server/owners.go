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

// takeList begins to keep a list that this server owns.
func (s *Server) takeList(ctx context.Context, t *store.Tenure, l *store.Object, again bool) (*keeper, error) {
	wl, err := manifest(l)
	if err != nil {
		return nil, err
	}
	k, err := takeOver(ctx, store.NewJournal(t), wl, s.secret, again || !s.exclusive, s.catalog.send, s.metrics.counters, s.log)
	if err != nil {
		return nil, err
	}
	s.hold(ctx, k, wl)
	return k, nil
}

// load reads a list's manifest.
func (s *Server) load(ctx context.Context, name string) (*store.Object, *v1alpha1.Worklist, error) {
	l, err := s.store.Lists.Get(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	wl, err := manifest(l)
	return l, wl, err
}

// errStale refuses a change of a list or swarm that was changed since it was read.
var errStale = errors.New("it was changed since it was read (metadata.resourceVersion, If-Match); read it again, and change that")

func manifest(l *store.Object) (*v1alpha1.Worklist, error) {
	wl := &v1alpha1.Worklist{}
	if err := json.Unmarshal(l.Manifest, wl); err != nil {
		return nil, fmt.Errorf("list %s: the stored manifest is damaged: %w", l.Name, err)
	}
	wl.ResourceVersion = l.Version()
	return wl, nil
}

// takeFree owns what nobody owns and is not over, so that deadlines strike and waiting lists start, leases run out and workloads find
// owners; and lets lists go on whose predecessors are complete.
func (s *Server) takeFree(ctx context.Context) {
	every(ctx, pollEvery, s.catalog.next, func(ctx context.Context) {
		s.each(ctx, s.store.Lists, s.tend)
		s.each(ctx, s.store.Swarms, func(ctx context.Context, x *store.Object) error {
			_, _, err := s.swarms.find(ctx, x.Name)
			return err
		})
		for _, e := range s.swarms.all() { // those that were deleted are forgotten
			select {
			case <-e.Ended():
				s.swarms.find(ctx, e.Name())
			default:
			}
		}
	})
}

// each has all objects of a kind tended.
func (s *Server) each(ctx context.Context, objects *store.Objects, tend func(context.Context, *store.Object) error) {
	after := ""
	for {
		page, more, err := objects.Page(ctx, after, 100)
		if err != nil {
			if ctx.Err() == nil {
				s.log.Warn("what there is to be owned could not be read", "error", err)
			}
			return
		}
		for _, x := range page {
			after = x.Name
			if err := tend(ctx, x); err != nil && ctx.Err() == nil && !errors.Is(err, store.ErrNotFound) {
				s.log.Warn("a list or swarm could not be tended", "name", x.Name, "error", err)
			}
		}
		if !more {
			return
		}
	}
}

func (s *Server) tend(ctx context.Context, l *store.Object) error {
	wl, err := manifest(l)
	if err != nil {
		return err
	}
	known := s.lists.known(l.Name)
	s.mu.Lock()
	over := s.over[l.Name] == l.UID
	s.mu.Unlock()
	if !known && over {
		return nil
	}
	if !known {
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
	k, _, err := s.lists.find(ctx, l.Name)
	if err != nil || k == nil {
		return err
	}
	s.hold(ctx, k, wl)
	return nil
}

// watchOwners takes over what has lost its owner, as soon as that happens.
func (s *Server) watchOwners(ctx context.Context, objects *store.Objects) {
	for ctx.Err() == nil {
		objects.WatchOwners(ctx, func(name string) {
			s.mu.Lock()
			delete(s.over, name) // a list's owner may have reopened it
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
	l, err := s.store.Lists.Get(ctx, name)
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
