package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/server/swarms"
	"teamtask.dev/store"
)

// takeSwarm begins to look after a swarm that this server owns.
func (s *Server) takeSwarm(ctx context.Context, t *store.Tenure, x *store.Object, _ bool) (*swarms.Engine, error) {
	sw, err := swarmIn(x)
	if err != nil {
		return nil, err
	}
	return swarms.Take(ctx, swarms.Options{Swarm: sw, Record: store.NewHandover(t), Holds: s.store.Holds, Counters: s.counters, Log: s.log,
		Remove: func(ctx context.Context) error { return s.store.Swarms.Delete(ctx, x) }})
}

// swarmIn is the manifest of a stored swarm.
func swarmIn(x *store.Object) (*v1alpha1.Swarm, error) {
	sw := &v1alpha1.Swarm{}
	if err := json.Unmarshal(x.Manifest, sw); err != nil {
		return nil, fmt.Errorf("swarm %s: the stored manifest is damaged: %w", x.Name, err)
	}
	sw.ResourceVersion = x.Version()
	return sw, nil
}

// createSwarm stores a new swarm. One that exists with the same spec is answered as it is, so that a call may be repeated after a lost
// answer; with another spec it is a conflict.
func (s *Server) createSwarm(ctx context.Context, in *v1alpha1.Swarm) (sw *v1alpha1.Swarm, created bool, err error) {
	sw = &v1alpha1.Swarm{TypeMeta: in.TypeMeta, ObjectMeta: metav1.ObjectMeta{Name: in.Name, Labels: in.Labels, Annotations: in.Annotations}, Spec: in.Spec}
	if err := sw.Complete(); err != nil {
		return nil, false, err
	}
	sw.UID, sw.Generation = types.UID(rand.Text()), 1
	sw.CreationTimestamp = metav1.NewTime(time.Now().UTC().Truncate(time.Second))
	raw, err := json.Marshal(sw)
	if err != nil {
		return nil, false, fmt.Errorf("create swarm %s: %w", sw.Name, err)
	}
	err = s.store.Swarms.Create(ctx, &store.Object{Name: sw.Name, UID: string(sw.UID), Manifest: raw})
	if err != nil && !errors.Is(err, store.ErrExists) {
		return nil, false, err
	}
	created = err == nil
	s.catalog.send()
	old, readErr := s.swarm(ctx, sw.Name)
	switch {
	case readErr != nil:
		return nil, false, readErr
	case !created && old.DeletionTimestamp != nil:
		return nil, false, swarms.ErrDeleted
	case !created && !equality.Semantic.DeepEqual(old.Spec, sw.Spec):
		return nil, false, err
	}
	return old, created, nil
}

// swarm is a swarm with its status: from its engine, which is made if nobody owns the swarm, or else what the record says.
func (s *Server) swarm(ctx context.Context, name string) (*v1alpha1.Swarm, error) {
	e, _, err := s.swarms.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if e != nil {
		if err := e.Decided(ctx); err != nil {
			return nil, err
		}
		sw, _, err := e.Swarm()
		return sw, err
	}
	x, err := s.store.Swarms.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return s.storedSwarm(ctx, x)
}

// storedSwarm is a swarm as far as it is in the store.
func (s *Server) storedSwarm(ctx context.Context, x *store.Object) (*v1alpha1.Swarm, error) {
	sw, err := swarmIn(x)
	if err != nil {
		return nil, err
	}
	head, err := s.store.Head(ctx, x)
	if err != nil {
		return nil, err
	}
	sw.Status, err = swarms.Status(head)
	return sw, err
}

// listSwarms is a page of swarms by name, and from where to go on.
func (s *Server) listSwarms(ctx context.Context, after string, limit int) (out v1alpha1.SwarmList, err error) {
	out = v1alpha1.SwarmList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.SwarmKind + "List"}, Items: []v1alpha1.Swarm{}}
	page, more, err := s.store.Swarms.Page(ctx, after, limit)
	if err != nil {
		return out, err
	}
	for _, x := range page {
		sw, err := s.storedSwarm(ctx, x)
		if err != nil {
			return out, err
		}
		if e, ok := s.swarms.get(x.Name); ok && e.UID() == x.UID {
			if own, _, err := e.Swarm(); err == nil {
				sw = own
			}
		}
		out.Items = append(out.Items, *sw)
		if more {
			out.Continue = x.Name
		}
	}
	return out, nil
}

// changeSwarm changes the manifest of a swarm that this server owns, if it is of the given version or that is "". A change of nothing
// writes nothing.
func (s *Server) changeSwarm(ctx context.Context, name, version string, change func(*v1alpha1.Swarm) error) (*v1alpha1.Swarm, error) {
	e, err := s.swarms.mine(ctx, name)
	if err != nil {
		return nil, err
	}
	for {
		x, err := s.store.Swarms.Get(ctx, name)
		if err != nil {
			return nil, err
		}
		sw, err := swarmIn(x)
		if err != nil {
			return nil, err
		}
		if version != "" && version != sw.ResourceVersion {
			return nil, errStale
		}
		sw.ResourceVersion = "" // it is the store's, not the manifest's
		old := sw.DeepCopy()
		if err := change(sw); err != nil {
			return nil, err
		}
		if err := checkSwarm(old, sw); err != nil {
			return nil, err
		}
		if !equality.Semantic.DeepEqual(old.Spec, sw.Spec) {
			sw.Generation++
		}
		before := x.Manifest
		if x.Manifest, err = json.Marshal(sw); err != nil {
			return nil, fmt.Errorf("update swarm %s: %w", name, err)
		}
		if !bytes.Equal(before, x.Manifest) {
			if err = s.store.Swarms.Update(ctx, x); errors.Is(err, store.ErrConflict) {
				continue
			} else if err != nil {
				return nil, err
			}
		}
		sw.ResourceVersion = x.Version()
		if err := e.SetSwarm(sw); err != nil {
			return nil, err
		}
		return s.swarm(ctx, name)
	}
}

// checkSwarm tells what is wrong with a changed swarm. One that was stored by an earlier version may break a rule of this one: it can be
// suspended, resumed and deleted all the same.
func checkSwarm(old, sw *v1alpha1.Swarm) error {
	as := old.Spec
	as.Suspend = sw.Spec.Suspend
	if equality.Semantic.DeepEqual(as, sw.Spec) {
		return nil
	}
	return sw.Complete()
}

// deleteSwarm has a swarm deleted: at once if nobody runs anything of it, otherwise as soon as its workers have let go of everything.
// It returns the swarm as it is until then; nil: it is gone.
func (s *Server) deleteSwarm(ctx context.Context, name string) (*v1alpha1.Swarm, error) {
	if _, err := s.swarms.mine(ctx, name); err != nil {
		return nil, err
	}
	sw, err := s.changeSwarm(ctx, name, "", func(sw *v1alpha1.Swarm) error {
		if sw.DeletionTimestamp == nil {
			now := metav1.NewTime(time.Now().UTC().Truncate(time.Second))
			sw.DeletionTimestamp = &now
		}
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return sw, err
}
