package swarms

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/store"
	"teamtask.dev/swarm/plan"
)

// look is what a round goes by: the swarm as it was said to be at one moment.
type look struct {
	plan.Situation
	asked  uint64          // how many manifests there were
	parts  map[string]part // of all workers, with what they said
	stored []string        // the workers whose parts are in the store, in order
}

// round makes durable what was said, decides, makes that durable and tells it. It tells whether another round has to follow, and
// when the next one is due although nothing happens.
func (e *Engine) round(ctx context.Context) (more bool, wake time.Time, err error) {
	now := time.Now()
	at, news, err := e.look(now)
	if err != nil {
		return false, wake, err
	}
	if err := e.record.Write(ctx, news); err != nil {
		return false, wake, err
	}
	begun := time.Now()
	d := plan.Decide(at.Situation)
	pieces, after, err := at.pieces(&d)
	if err != nil {
		return false, wake, err
	}
	if err := e.record.Write(ctx, pieces); err != nil {
		return false, wake, err
	}
	e.counters.decided(&d, time.Since(begun))
	e.told(at, &d, after)
	if d.Changed {
		return true, wake, nil
	}
	if at.Deleted && plan.Over(d.Record) {
		if err := e.remove(ctx); err != nil {
			return false, wake, err
		}
		return false, wake, fmt.Errorf("swarm %s: %w", e.name, store.ErrNotFound)
	}
	return false, e.due(now, d.Wake), nil
}

// look takes in what was said until now: whose lease has run out is gone. The news are the stored parts that it changes.
func (e *Engine) look(now time.Time) (at look, news []store.Piece, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	at = look{asked: e.asked, parts: make(map[string]part, len(e.workers)), Situation: plan.Situation{Spec: e.swarm.Spec, Generation: e.swarm.Generation, Created: e.swarm.CreationTimestamp.Time,
		Status: e.status, Deleted: e.swarm.DeletionTimestamp != nil, Now: now, Record: plan.Head(&e.status)}}
	at.Spec.Pool = nil // there are no pods here: workers join, whatever the manifest says for Kubernetes
	if at.Workloads, err = plan.Workloads(e.swarm.Spec.Workloads, nil, nil); err != nil {
		at.Trouble = err.Error()
	}
	for _, name := range slices.Sorted(maps.Keys(e.workers)) {
		w := e.workers[name]
		if w.expired(now) {
			e.log.Info("a worker is held to be gone: its lease has run out", "worker", name, "incarnation", w.incarnation)
			e.counters.expired.Inc()
			w.depart(now)
		}
		p := w.told
		if w.news || !w.stored() {
			p = w.next(e.name, now)
		}
		at.parts[name] = p
		if w.stored() {
			at.stored = append(at.stored, name)
			at.Record.Parts = append(at.Record.Parts, plan.Part(&p.Assignment))
		}
		if w.news && w.stored() {
			piece, err := p.piece()
			if err != nil {
				return at, nil, err
			}
			news = append(news, piece)
		}
		if !w.left {
			at.Workers = append(at.Workers, w.situation())
		}
		w.news = false
	}
	return at, news, nil
}

// pieces are what a decision writes: the head, the parts that it changes, and those that it ends. After are all parts that are in the
// store then.
func (at *look) pieces(d *plan.Decision) (pieces []store.Piece, after map[string]part, err error) {
	after = make(map[string]part, len(at.parts))
	if d.News {
		head, err := json.Marshal(&d.Status)
		if err != nil {
			return nil, nil, fmt.Errorf("the status: %w", err)
		}
		pieces = append(pieces, store.Piece{Value: head})
	}
	for _, name := range at.stored {
		if d.Record.Part(name) == nil {
			pieces = append(pieces, store.Piece{Worker: name})
		} else {
			after[name] = at.parts[name]
		}
	}
	if !d.Changed {
		return pieces, after, nil
	}
	for _, name := range d.Record.Writing {
		p := at.parts[name]
		plan.Write(d.Record.Part(name), &p.Spec)
		if load, ok := d.Loads[name]; ok {
			p.Spec.Load = load
		}
		p.judge(at.Now)
		piece, err := p.piece()
		if err != nil {
			return nil, nil, err
		}
		after[name] = p
		pieces = append(pieces, piece)
	}
	return pieces, after, nil
}

// told lets workers see what is durable now. What was said meanwhile is for the next round.
func (e *Engine) told(at look, d *plan.Decision, after map[string]part) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name := range at.parts {
		w, p := e.workers[name], after[name]
		news := p.Spec.Version != w.told.Spec.Version || p.Status.Incarnation != w.told.Status.Incarnation
		w.told = p
		if news {
			w.hear(time.Now().Add(e.timeout()), false)
			w.wake()
		}
		if !w.stored() && w.incarnation == "" {
			delete(e.workers, name)
		}
	}
	e.status = d.Status
	if !d.Changed {
		e.decided = at.asked
	}
	e.wakeAll()
	for _, c := range d.Granted {
		e.log.Debug("granted", "workload", c.Workload, "worker", c.Worker, "epoch", c.Epoch)
	}
	for _, c := range d.Revoked {
		e.log.Debug("revoked", "workload", c.Workload, "worker", c.Worker, "epoch", c.Epoch)
	}
}

// due is when the next round is due: the next lease runs out, or the next worker is waited for no longer.
func (e *Engine) due(now time.Time, patience time.Duration) time.Time {
	next := now.Add(time.Hour)
	if patience > 0 {
		next = now.Add(patience)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range e.workers {
		if w.incarnation != "" && w.expires.Before(next) {
			next = w.expires
		}
	}
	return next
}

// SetSwarm has the engine go by another manifest of its swarm, which is durable.
func (e *Engine) SetSwarm(s *v1alpha1.Swarm) error {
	if err := e.lock(); err != nil {
		return err
	}
	defer e.mu.Unlock()
	e.swarm = s
	e.asked++
	e.touch()
	return nil
}

// timeout is how long a worker may take to acknowledge its part.
func (e *Engine) timeout() time.Duration {
	return e.swarm.Spec.Handover.TimeoutOrDefault()
}

// lease is how long a worker that joins now may be silent.
func (e *Engine) lease() time.Duration {
	return e.swarm.Spec.Handover.LeaseOrDefault()
}
