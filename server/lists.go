package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/store"
	"teamtask.dev/worklist"
)

// create stores a new list. A list that exists with the same spec is answered as if it had been created now, so that a
// call may be repeated after a lost answer; with another spec it is a conflict.
func (s *Server) create(ctx context.Context, in *v1alpha1.Worklist) (wl *v1alpha1.Worklist, created bool, err error) {
	wl = &v1alpha1.Worklist{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.WorklistKind},
		ObjectMeta: metav1.ObjectMeta{Name: in.Name, Labels: in.Labels, Annotations: in.Annotations}, Spec: in.Spec}
	if err := wl.Complete(); err != nil {
		return nil, false, err
	}
	wl.UID = types.UID(rand.Text())
	wl.CreationTimestamp = metav1.NewTime(time.Now().UTC().Truncate(time.Second))
	raw, err := json.Marshal(wl)
	if err != nil {
		return nil, false, fmt.Errorf("create list %s: %w", wl.Name, err)
	}
	l := &store.Object{Name: wl.Name, UID: string(wl.UID), Manifest: raw}
	err = s.store.Lists.Create(ctx, l)
	if errors.Is(err, store.ErrExists) {
		_, old, loadErr := s.load(ctx, wl.Name)
		if loadErr == nil && sameSpec(&old.Spec, &wl.Spec) {
			return old, false, nil
		}
	}
	if err != nil {
		return nil, false, err
	}
	s.metrics.created.Inc()
	s.catalog.send()
	wl.ResourceVersion = l.Version()
	return wl, true, nil
}

// sameSpec compares specs as they are stored, so that different ways to write the same are the same.
func sameSpec(a, b *v1alpha1.WorklistSpec) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// update changes the spec of a list this server owns, if it is of the given version or that is "". What must not change
// is refused. A change of nothing writes nothing.
func (s *Server) update(ctx context.Context, k *keeper, version string, change func(*v1alpha1.Worklist) error) (*v1alpha1.Worklist, error) {
	for {
		l, wl, err := s.load(ctx, k.name)
		if err != nil {
			return nil, err
		}
		if version != "" && version != wl.ResourceVersion {
			return nil, errStale
		}
		wl.ResourceVersion = "" // it is the store's, not the manifest's
		before, err := json.Marshal(wl)
		if err != nil {
			return nil, fmt.Errorf("update list %s: %w", k.name, err)
		}
		old := wl.Spec
		if err := change(wl); err != nil {
			return nil, err
		}
		if err := completeList(&old, wl); err != nil {
			return nil, err
		}
		if err := immutable(&old, &wl.Spec); err != nil {
			return nil, err
		}
		if l.Manifest, err = json.Marshal(wl); err != nil {
			return nil, fmt.Errorf("update list %s: %w", k.name, err)
		}
		if bytes.Equal(before, l.Manifest) {
			wl.ResourceVersion = l.Version()
			return wl, nil
		}
		err = s.store.Lists.Update(ctx, l)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := k.setSpec(ctx, wl); err != nil {
			return nil, err
		}
		s.catalog.send()
		wl.ResourceVersion = l.Version()
		return wl, nil
	}
}

// completeList completes a changed list, or tells what is wrong with it. One that was stored by an earlier version may break a rule of
// this one: it can be suspended, resumed and cancelled all the same.
func completeList(old *v1alpha1.WorklistSpec, wl *v1alpha1.Worklist) error {
	as := *old
	as.Suspend, as.Cancelled = wl.Spec.Suspend, wl.Spec.Cancelled
	if sameSpec(&as, &wl.Spec) {
		return nil
	}
	if wl.Spec.Items != nil && wl.Spec.Size == old.Size {
		wl.Spec.Size = 0 // it followed from the items, and does again
	}
	return wl.Complete()
}

// immutable refuses changes of what a list is, as opposed to how it is shared out.
func immutable(a, b *v1alpha1.WorklistSpec) error {
	for _, f := range []struct {
		field string
		same  bool
	}{
		{"spec.items", reflect.DeepEqual(a.Items, b.Items)}, // before the size that follows from them
		{"spec.size", a.Size == b.Size},
		{"spec.command", reflect.DeepEqual(a.Command, b.Command)},
		{"spec.cancelled", !a.Cancelled || b.Cancelled},
	} {
		if !f.same {
			return &v1alpha1.FieldError{Field: f.field, Detail: "cannot be changed once the list exists; delete the list and create it anew"}
		}
	}
	return nil
}

// setSpec lets the keeper go by a new spec.
func (k *keeper) setSpec(ctx context.Context, wl *v1alpha1.Worklist) error {
	return k.change(ctx, func(now time.Time, _ *batch) bool {
		p := wl.Policy()
		p.WaitingFor = k.policy.WaitingFor
		k.spec, k.policy = wl.Spec, p
		k.ledger.SetPolicy(now, p)
		return true
	})
}

// setPolicy changes a detail of the policy that is not in the spec.
func (k *keeper) setPolicy(change func(*worklist.Policy)) {
	k.change(context.Background(), func(now time.Time, _ *batch) bool {
		p := k.policy
		change(&p)
		if p != k.policy {
			k.policy = p
			k.ledger.SetPolicy(now, p)
		}
		return false
	})
}

// remove deletes a list this server owns.
func (s *Server) remove(ctx context.Context, k *keeper) error {
	l, err := s.store.Lists.Get(ctx, k.name)
	if err != nil {
		return err
	}
	if err := s.store.Lists.Delete(ctx, l); err != nil {
		return err
	}
	k.stop()
	<-k.ended
	s.lists.forget(k.name)
	s.catalog.send()
	return nil
}

// get is a list with its status: the owner's if this server owns it, otherwise what the record says.
func (s *Server) get(ctx context.Context, name string) (*v1alpha1.Worklist, error) {
	l, wl, err := s.load(ctx, name)
	if err != nil {
		return nil, err
	}
	return wl, s.fillStatus(ctx, l, wl)
}

func (s *Server) fillStatus(ctx context.Context, l *store.Object, wl *v1alpha1.Worklist) error {
	if k, ok := s.lists.get(l.Name); ok && k.uid == l.UID && k.read(func(now time.Time) { wl.Status = statusOf(k.ledger, now) }) == nil {
		wl.Status.Owner = s.store.Me().URL
		return nil
	}
	rec, err := s.store.Record(ctx, l)
	if err != nil {
		return err
	}
	if rec.Size == 0 {
		rec.Size = wl.Spec.Size
	}
	epoch := int64(rec.Epoch)
	wl.Status = statusOf(worklist.Restore(rec, wl.Policy(), time.Now(), true), time.Now())
	wl.Status.Epoch = epoch // looking at it is no takeover
	return nil
}

// noWorklists is a page without any list yet.
func noWorklists() v1alpha1.WorklistList {
	return v1alpha1.WorklistList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.WorklistKind + "List"},
		Items: []v1alpha1.Worklist{}}
}

// list is a page of lists by name, and from where to go on.
func (s *Server) list(ctx context.Context, after string, limit int) (out v1alpha1.WorklistList, err error) {
	out = noWorklists()
	lists, more, err := s.store.Lists.Page(ctx, after, limit)
	if err != nil {
		return out, err
	}
	for _, l := range lists {
		wl, err := manifest(l)
		if err == nil {
			err = s.fillStatus(ctx, l, wl)
		}
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, *wl)
		if more {
			out.Continue = l.Name
		}
	}
	return out, nil
}
