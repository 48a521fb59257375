package swarms

import (
	"context"
	"math/rand/v2"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

const (
	// watching is how long a watch lasts, up to twice as long: one that has silently stopped working is not trusted for ever.
	watching = 5 * time.Minute
	// breath is the pause before what broke off is begun anew, up to twice as long.
	breath = time.Second
)

// Next waits for a part of another version than the one given.
func (s *session) Next(ctx context.Context, after int64) (v1alpha1.AssignmentSpec, error) {
	s.following.Lock()
	defer s.following.Unlock()
	for {
		switch a := s.seen; {
		case a.Status.Incarnation != s.incarnation:
			return v1alpha1.AssignmentSpec{}, s.taken(a)
		case a.Spec.Incarnation == s.incarnation && a.Spec.Version != after:
			return *a.Spec.DeepCopy(), nil
		}
		if err := s.follow(ctx); err != nil {
			return v1alpha1.AssignmentSpec{}, err
		}
	}
}

// follow sees the next change. A watch that breaks off is begun anew; until then the object is read.
func (s *session) follow(ctx context.Context) error {
	if s.watch == nil {
		until := int64((watching + rand.N(watching)).Seconds())
		from := &ctrl.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: s.seen.ResourceVersion, TimeoutSeconds: &until}}
		w, err := s.door.Client.Watch(ctx, &v1alpha1.AssignmentList{}, ctrl.InNamespace(s.door.Namespace), from, ctrl.MatchingFields{"metadata.name": s.name})
		if err != nil {
			return s.again(ctx)
		}
		s.watch = w
	}
	select {
	case <-ctx.Done():
		s.hangUp()
		return ctx.Err()
	case e, open := <-s.watch.ResultChan():
		a, ok := e.Object.(*v1alpha1.Assignment)
		switch {
		case !open, !ok:
			return s.again(ctx)
		case e.Type == watch.Deleted:
			s.hangUp()
			return s.lost("the Assignment %s was deleted", s.name)
		case e.Type != watch.Bookmark:
			s.seen = a
		}
		return nil
	}
}

func (s *session) hangUp() {
	if s.watch != nil {
		s.watch.Stop()
		s.watch = nil
	}
}

// again reads the object, after a pause.
func (s *session) again(ctx context.Context) error {
	s.hangUp()
	t := time.NewTimer(breath + rand.N(breath))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
	}
	now := &v1alpha1.Assignment{}
	switch err := s.door.Client.Get(ctx, s.door.key(s.name), now); {
	case err == nil:
		s.seen = now
	case apierrors.IsNotFound(err) && !uninstalled(err):
		return s.lost("the Assignment %s was deleted", s.name)
	default:
		return s.door.explain("get assignments", s.name, err)
	}
	return nil
}
