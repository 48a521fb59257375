package swarms

import (
	"encoding/json"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/store"
	"teamtask.dev/swarm/plan"
)

// part is what is durable of a worker: its Assignment, with what else the next owner of the swarm must know.
type part struct {
	v1alpha1.Assignment

	Lease metav1.Duration `json:"lease"` // as the present incarnation was told
}

// worker is a member of the pool, or one that is waited for.
type worker struct {
	name string
	told part // as it is in the store, which is what the worker is told; the zero part if it is not there yet

	// What was said since. The next round makes it durable.
	incarnation string // of who is there; "": nobody
	lease       time.Duration
	labels      map[string]string
	draining    bool
	version     int64     // acknowledged
	since       time.Time // when it went away; zero: it is there
	left        bool      // by its own word: nobody waits for it
	news        bool      // not durable yet

	// What is said of it to people. It is in nobody's way if it is forgotten, and so it is not durable.
	heard    bool      // by this engine: until then it goes by what the one before it has written
	trouble  string    // why it could not apply its part, in its own words
	troubled time.Time // since when

	expires time.Time     // when the lease runs out
	due     time.Time     // when it has to have acknowledged something that it was told since; zero: it is up to date
	changed chan struct{} // closed when it is told something else, or its incarnation is gone
}

func newWorker(name string) *worker { return &worker{name: name, changed: make(chan struct{})} }

// restore is a worker as it is in the store. If it is there it has a whole lease anew.
func restore(piece store.Piece, now time.Time) (*worker, error) {
	w := newWorker(piece.Worker)
	if err := json.Unmarshal(piece.Value, &w.told); err != nil {
		return nil, fmt.Errorf("the stored part of worker %s is damaged: %w", piece.Worker, err)
	}
	_, w.since = w.told.There()
	w.incarnation, w.version = w.told.Status.Incarnation, w.told.Status.Version
	w.lease, w.labels, w.draining = w.told.Lease.Duration, w.told.Spec.Labels, w.told.Spec.Draining
	w.expires = now.Add(w.lease)
	return w, nil
}

// stored tells whether there is a part of the worker in the store.
func (w *worker) stored() bool { return w.told.Name != "" }

// wake wakes those who follow what the worker is told.
func (w *worker) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// arrive takes in a new incarnation.
func (w *worker) arrive(incarnation string, labels map[string]string, lease time.Duration, now time.Time) {
	w.incarnation, w.labels, w.lease, w.expires = incarnation, labels, lease, now.Add(lease)
	w.version, w.draining, w.left, w.since, w.due, w.news = 0, false, false, time.Time{}, time.Time{}, true
	w.heard, w.trouble = true, ""
	w.wake()
}

// renew takes in that the present incarnation is there.
func (w *worker) renew(now time.Time) { w.expires, w.heard = now.Add(w.lease), true }

// complain takes in why the worker could not apply its part; "": it could.
func (w *worker) complain(trouble string, now time.Time) {
	if w.trouble == "" {
		w.troubled = now
	}
	w.trouble = trouble
}

// depart takes in that the present incarnation is gone.
func (w *worker) depart(now time.Time) {
	w.incarnation, w.version, w.since, w.news = "", 0, now, true
	w.wake()
}

// hear sets by when the worker is to be heard of, when it was told or has acknowledged something.
func (w *worker) hear(by time.Time, acknowledged bool) {
	switch {
	case w.version == w.told.Spec.Version:
		w.due = time.Time{}
	case w.due.IsZero(), acknowledged:
		w.due = by
	}
}

// overdue tells whether the worker has taken too long to acknowledge its part.
func (w *worker) overdue(now time.Time) bool { return !w.due.IsZero() && !now.Before(w.due) }

// expired tells whether the lease has run out.
func (w *worker) expired(now time.Time) bool { return w.incarnation != "" && !now.Before(w.expires) }

// next is the worker's part with what was said.
func (w *worker) next(swarm string, now time.Time) part {
	p := w.told
	if !w.stored() {
		p.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.AssignmentKind}
		p.Name, p.CreationTimestamp = swarm+"."+w.name, seconds(now)
		p.Spec.Swarm, p.Spec.Worker = swarm, w.name
	}
	p.Spec.Labels, p.Spec.Draining = w.labels, w.draining
	p.Status.Incarnation, p.Status.Version = w.incarnation, w.version
	p.Lease.Duration = w.lease
	p.judge(now)
	return p
}

// situation is the worker as a decision sees it.
func (w *worker) situation() plan.Worker {
	return plan.Worker{Name: w.name, Incarnation: w.incarnation, Labels: w.labels, Draining: w.draining, Unheard: !w.heard, Since: w.since}
}

func (p *part) piece() (store.Piece, error) {
	value, err := json.Marshal(p)
	if err != nil {
		return store.Piece{}, fmt.Errorf("the part of worker %s: %w", p.Spec.Worker, err)
	}
	return store.Piece{Worker: p.Spec.Worker, Value: value}, nil
}

// seconds is a time as manifests have it.
func seconds(t time.Time) metav1.Time { return metav1.NewTime(t.UTC().Truncate(time.Second)) }
