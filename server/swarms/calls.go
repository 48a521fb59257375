package swarms

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm/plan"
)

// Join makes a worker known, and returns once that is durable. A *TakenError refuses it while another of its name is there.
func (e *Engine) Join(ctx context.Context, req v1alpha1.JoinRequest) (v1alpha1.JoinResponse, error) {
	if req.Incarnation == "" {
		req.Incarnation = rand.Text()
	}
	if err := e.lock(); err != nil {
		return v1alpha1.JoinResponse{}, err
	}
	w, err := e.admit(&req, time.Now())
	e.mu.Unlock()
	if err != nil {
		return v1alpha1.JoinResponse{}, err
	}
	// Its part is made for it by a decision.
	var lease time.Duration
	err = e.await(ctx, w, func() (bool, error) {
		if w.incarnation != req.Incarnation {
			return false, &LostError{req.Worker, req.Incarnation}
		}
		lease = w.lease
		return w.told.Spec.Incarnation == req.Incarnation, nil
	})
	return v1alpha1.JoinResponse{Incarnation: req.Incarnation, Lease: metav1.Duration{Duration: lease}}, err
}

// admit has a worker in the pool under the lock, or says why not.
func (e *Engine) admit(req *v1alpha1.JoinRequest, now time.Time) (*worker, error) {
	if e.swarm.DeletionTimestamp != nil {
		return nil, ErrDeleted
	}
	w := e.workers[req.Worker]
	switch {
	case w == nil:
		w = newWorker(req.Worker)
		e.workers[req.Worker] = w
	case w.incarnation == req.Incarnation && !w.expired(now): // the call is repeated
		w.renew(now)
		return w, nil
	case w.incarnation != "" && !w.expired(now):
		return nil, &TakenError{req.Worker, w.expires.Sub(now)}
	}
	w.arrive(req.Incarnation, req.Labels, e.lease(), now)
	e.touch()
	return w, nil
}

// await waits until something is so of a worker.
func (e *Engine) await(ctx context.Context, w *worker, so func() (bool, error)) error {
	for {
		if err := e.lock(); err != nil {
			return err
		}
		ok, err := so()
		changed := w.changed
		e.mu.Unlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// present is a worker whose incarnation is the one given, under the lock.
func (e *Engine) present(name, incarnation string, now time.Time) (*worker, error) {
	w := e.workers[name]
	switch {
	case w == nil:
		return nil, &UnknownError{e.name, name}
	case w.expired(now):
		e.touch() // the next round says so to everybody
		return nil, &LostError{name, incarnation}
	case w.incarnation == "" || w.incarnation != incarnation:
		return nil, &LostError{name, incarnation}
	}
	return w, nil
}

// Renew renews a worker's lease, takes in what it says that it runs, and answers with the latest version of its part. What it says is
// durable a little later: the worker says it again with its next renewal.
func (e *Engine) Renew(name string, req v1alpha1.RenewalRequest) (v1alpha1.RenewalResponse, error) {
	if err := e.lock(); err != nil {
		return v1alpha1.RenewalResponse{}, err
	}
	defer e.mu.Unlock()
	now := time.Now()
	w, err := e.present(name, req.Incarnation, now)
	if err != nil {
		return v1alpha1.RenewalResponse{}, err
	}
	if w.overdue(now) { // it is gone once its lease has run out
		return v1alpha1.RenewalResponse{}, &OverdueError{e.name, name, w.told.Spec.Version, e.timeout(), w.expires.Sub(now)}
	}
	p := plan.Part(&v1alpha1.Assignment{Spec: v1alpha1.AssignmentSpec{Worker: name, Incarnation: w.told.Spec.Incarnation, Version: w.told.Spec.Version},
		Status: v1alpha1.AssignmentStatus{Incarnation: w.incarnation, Version: w.version}})
	if req.Version > 0 {
		news, err := p.Acknowledge(req.Incarnation, uint64(req.Version))
		if err != nil {
			return v1alpha1.RenewalResponse{}, &v1alpha1.FieldError{Field: "version", Detail: err.Error()}
		}
		if news {
			w.version, w.news = req.Version, true
			w.hear(now.Add(e.timeout()), true)
			e.counters.acknowledged.Inc()
		}
	}
	if w.draining != req.Draining {
		w.draining, w.news = req.Draining, true
	}
	if w.news || !w.heard {
		e.touch()
	}
	w.renew(now)
	w.complain(req.Trouble, now)
	if p.Incarnation != req.Incarnation {
		return v1alpha1.RenewalResponse{}, nil
	}
	return v1alpha1.RenewalResponse{Version: int64(p.Version)}, nil
}

// Leave takes a worker out of the pool that runs nothing any more, and returns once that is durable. An incarnation that is gone
// has left.
func (e *Engine) Leave(ctx context.Context, name, incarnation string) error {
	if err := e.lock(); err != nil {
		return err
	}
	w := e.workers[name]
	if w != nil && w.incarnation == incarnation && incarnation != "" {
		w.depart(time.Now())
		w.left = true
		e.touch()
	}
	e.mu.Unlock()
	if w == nil {
		return nil
	}
	return e.await(ctx, w, func() (bool, error) { return w.told.Status.Incarnation != incarnation, nil })
}

// Follow is what the worker's present incarnation is told, and a channel that is closed once that has changed. Ok is false as long as it
// is told nothing yet.
func (e *Engine) Follow(name, incarnation string) (a v1alpha1.Assignment, ok bool, changed <-chan struct{}, err error) {
	if err := e.lock(); err != nil {
		return a, false, nil, err
	}
	defer e.mu.Unlock()
	now := time.Now()
	w, err := e.present(name, incarnation, now)
	if err != nil {
		return a, false, nil, err
	}
	return w.shown(e.name, now), w.told.Spec.Incarnation == incarnation, w.changed, nil
}

// Swarm is the swarm's manifest with its status, and a channel that is closed once that has changed.
func (e *Engine) Swarm() (s *v1alpha1.Swarm, changed <-chan struct{}, err error) {
	if err := e.lock(); err != nil {
		return nil, nil, err
	}
	defer e.mu.Unlock()
	s = e.swarm.DeepCopy()
	e.status.DeepCopyInto(&s.Status)
	return s, e.changed, nil
}

// Name is the swarm's.
func (e *Engine) Name() string { return e.name }

// UID tells the swarm from others of its name, before it and after.
func (e *Engine) UID() string { return e.uid }

// Decided waits until the swarm's manifest has been decided upon, as far as that goes without workers saying something.
func (e *Engine) Decided(ctx context.Context) error {
	asked := uint64(0)
	for {
		if err := e.lock(); err != nil {
			return err
		}
		if asked == 0 {
			asked = e.asked
		}
		decided, changed := e.decided, e.changed
		e.mu.Unlock()
		if decided >= asked {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Assignments are at most limit of the workers' Assignments by worker, from after the one named on; more tells whether there are others.
func (e *Engine) Assignments(after string, limit int) (out []v1alpha1.Assignment, more bool, err error) {
	if err := e.lock(); err != nil {
		return nil, false, err
	}
	defer e.mu.Unlock()
	now := time.Now()
	for _, name := range slices.Sorted(maps.Keys(e.workers)) {
		if name <= after || !e.workers[name].stored() {
			continue
		}
		if len(out) == limit {
			return out, true, nil
		}
		out = append(out, e.workers[name].shown(e.name, now))
	}
	return out, false, nil
}

// Assignment is that of one worker.
func (e *Engine) Assignment(name string) (*v1alpha1.Assignment, error) {
	if err := e.lock(); err != nil {
		return nil, err
	}
	defer e.mu.Unlock()
	w := e.workers[name]
	if w == nil || !w.stored() {
		return nil, &UnknownError{e.name, name}
	}
	a := w.shown(e.name, time.Now())
	return &a, nil
}
