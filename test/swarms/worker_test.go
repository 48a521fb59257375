package swarms

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// worker does as an agent does: it joins under an incarnation of its own, runs what its Assignment grants it, and acknowledges a
// version once everything has stopped that is not in it. Its lease is long: it is the tests that say when it is gone.
type worker struct {
	s           *site
	swarm, name string
	incarnation string
	labels      map[string]string
	slow        time.Duration // it takes up to so long to read, to stop and to answer

	stop  context.CancelFunc
	ended sync.WaitGroup
}

var born atomic.Int64

// start starts a worker: one of its name must not be there.
func (s *site) start(swarm, name string) *worker {
	return s.startWith(&worker{swarm: swarm, name: name})
}

func (s *site) startWith(w *worker) *worker {
	s.t.Helper()
	w.s, w.incarnation = s, fmt.Sprintf("%s-%d", w.name, born.Add(1))
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	w.ended.Go(func() { w.live(ctx) })
	s.t.Cleanup(w.die)
	return w
}

// die ends a worker at once. That it is gone nobody knows yet.
func (w *worker) die() {
	w.stop()
	w.ended.Wait()
	w.s.owners.stopAll(w.incarnation)
}

// kill ends a worker, and says so, as the controller of Assignments would once its pod is gone or its lease has run out.
func (w *worker) kill() {
	w.s.t.Helper()
	w.die()
	w.bury()
}

// bury says that a worker is gone.
func (w *worker) bury() {
	w.s.t.Helper()
	ctx, cancel := context.WithTimeout(w.s.t.Context(), patience)
	defer cancel()
	err := w.update(ctx, func(a *v1alpha1.Assignment) bool {
		if a.Status.Incarnation != w.incarnation {
			return false
		}
		a.Status.Incarnation = ""
		a.Status.SetPhase(v1alpha1.AssignmentGone, "it was killed", metav1.Now())
		return true
	})
	if client.IgnoreNotFound(err) != nil {
		w.s.t.Errorf("bury %s: %v", w.name, err)
	}
}

func (w *worker) object() string { return w.swarm + "." + w.name }

// live is a worker's life.
func (w *worker) live(ctx context.Context) {
	if !w.join(ctx) {
		return
	}
	running := map[string]int64{}
	version := int64(0)
	for ctx.Err() == nil {
		var part *v1alpha1.AssignmentSpec
		lost := false
		if w.s.Await(ctx, func() bool {
			a := w.s.assignments[w.object()]
			lost = a == nil || a.Status.Incarnation != w.incarnation && a.Spec.Incarnation == w.incarnation
			if a != nil && a.Spec.Incarnation == w.incarnation && a.Spec.Version > version {
				part = a.Spec.DeepCopy()
			}
			return lost && version > 0 || part != nil
		}) != nil {
			return
		}
		if part == nil { // somebody else says that it is gone
			return
		}
		w.dawdle(ctx)
		granted := map[string]int64{}
		for _, g := range part.Workloads {
			granted[g.Name] = g.Epoch
			if running[g.Name] != g.Epoch {
				w.s.owners.start(g.Name, w.incarnation, g.Epoch)
				running[g.Name] = g.Epoch
			}
		}
		w.dawdle(ctx)
		for name := range running {
			if _, ok := granted[name]; !ok {
				w.s.owners.stop(name, w.incarnation)
				delete(running, name)
			}
		}
		version = part.Version
		w.dawdle(ctx)
		w.update(ctx, func(a *v1alpha1.Assignment) bool {
			if a.Status.Incarnation != w.incarnation || a.Status.Version >= version {
				return false
			}
			a.Status.Version = version
			return true
		})
	}
}

// join makes the Assignment, if it is not there, and takes it.
func (w *worker) join(ctx context.Context) bool {
	for ctx.Err() == nil {
		a := &v1alpha1.Assignment{ObjectMeta: metav1.ObjectMeta{Namespace: w.s.ns, Name: w.object(), Finalizers: []string{v1alpha1.AssignmentFinalizer}},
			Spec: v1alpha1.AssignmentSpec{Swarm: w.swarm, Worker: w.name, Labels: w.labels}}
		if err := w.s.client.Create(context.WithoutCancel(ctx), a); err != nil && !apierrors.IsAlreadyExists(err) {
			chaos.Pause(ctx, 10*time.Millisecond)
			continue
		}
		joined := false
		err := w.update(ctx, func(a *v1alpha1.Assignment) bool {
			joined = a.Status.Incarnation == w.incarnation
			if joined || a.Status.Incarnation != "" || !a.DeletionTimestamp.IsZero() {
				return false
			}
			now := metav1.NowMicro()
			a.Status = v1alpha1.AssignmentStatus{Incarnation: w.incarnation, RenewTime: &now}
			a.Status.SetPhase(v1alpha1.AssignmentPending, "its worker has just joined", metav1.Now())
			joined = true
			return true
		})
		if err == nil && joined {
			return true
		}
		chaos.Pause(ctx, 10*time.Millisecond)
	}
	return false
}

// update writes the status as often as it takes, while change wants it to be written. What is on its way when ctx ends is waited for:
// a worker that has ended writes nothing any more.
func (w *worker) update(ctx context.Context, change func(*v1alpha1.Assignment) bool) error {
	for {
		var a v1alpha1.Assignment
		err := w.s.client.Get(ctx, client.ObjectKey{Namespace: w.s.ns, Name: w.object()}, &a)
		if err == nil {
			if !change(&a) {
				return nil
			}
			err = w.s.client.Status().Update(context.WithoutCancel(ctx), &a)
		}
		if err == nil || apierrors.IsNotFound(err) || ctx.Err() != nil {
			return err
		}
		chaos.Pause(ctx, time.Millisecond)
	}
}

// dawdle takes some time.
func (w *worker) dawdle(ctx context.Context) {
	if w.slow > 0 {
		chaos.Pause(ctx, rand.N(w.slow))
	}
}
