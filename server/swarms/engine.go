package swarms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/store"
)

// Record is where what an engine decides becomes durable. It is used by one goroutine at a time. *store.Handover is one.
type Record interface {
	Load(context.Context) (head []byte, parts []store.Piece, err error)
	Write(context.Context, []store.Piece) error
	Release(context.Context) error
}

// Options of an Engine. All are needed.
type Options struct {
	Swarm    *v1alpha1.Swarm // its manifest
	Record   Record
	Remove   func(context.Context) error // deletes the swarm with its record; called once nobody may run anything of it
	Holds    func() bool                 // tells whether this server certainly owns the swarm still
	Counters *Counters
	Log      *slog.Logger
}

// Engine has a swarm that this server owns.
type Engine struct {
	name, uid string
	record    Record
	remove    func(context.Context) error
	holds     func() bool
	counters  *Counters
	log       *slog.Logger

	mu      sync.Mutex
	swarm   *v1alpha1.Swarm      // its manifest
	status  v1alpha1.SwarmStatus // as it is durable: the head of the record
	workers map[string]*worker
	asked   uint64        // counts manifests,
	decided uint64        // and those that have been decided upon, as far as that goes without workers saying something
	gone    error         // why the engine has given up; nil: it has not
	changed chan struct{} // closed when the status has changed, or a manifest has been decided upon

	dirty chan struct{} // capacity 1: there is something for a round
	stop  context.CancelFunc
	ended chan struct{} // closed when the goroutine has ended
}

// Take reads a swarm's record and starts its engine.
func Take(ctx context.Context, o Options) (*Engine, error) {
	head, parts, err := o.Record.Load(ctx)
	if err != nil {
		return nil, err
	}
	e := &Engine{name: o.Swarm.Name, uid: string(o.Swarm.UID), record: o.Record, remove: o.Remove, holds: o.Holds, counters: o.Counters, log: o.Log.With("swarm", o.Swarm.Name),
		swarm: o.Swarm, asked: 1, workers: map[string]*worker{}, changed: make(chan struct{}), dirty: make(chan struct{}, 1), ended: make(chan struct{})}
	if e.status, err = Status(head); err != nil {
		return nil, fmt.Errorf("swarm %s: %w", e.name, err)
	}
	now := time.Now()
	for _, piece := range parts {
		w, err := restore(piece, now)
		if err != nil {
			return nil, fmt.Errorf("swarm %s: %w", e.name, err)
		}
		w.hear(now.Add(e.timeout()), false)
		e.workers[w.name] = w
	}
	loop, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	go e.run(loop)
	return e, nil
}

// Status is what the head of a record says; the zero status if it was never written.
func Status(head []byte) (s v1alpha1.SwarmStatus, err error) {
	if head == nil {
		return s, nil
	}
	if err := json.Unmarshal(head, &s); err != nil {
		return s, fmt.Errorf("the stored status is damaged: %w", err)
	}
	return s, nil
}

// Ended is closed once the engine has given up the swarm.
func (e *Engine) Ended() <-chan struct{} { return e.ended }

// Close ends the engine and gives the swarm back. Workers keep what they have, and find the next owner.
func (e *Engine) Close(ctx context.Context) error {
	e.stop()
	<-e.ended
	return e.record.Release(ctx)
}

// run goes in rounds, as things happen or time passes, until ctx ends, a write fails or the swarm is deleted.
func (e *Engine) run(ctx context.Context) {
	defer close(e.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			e.giveUp(ErrGone)
			return
		case <-e.dirty:
		case <-timer.C:
		}
		wake, err := e.settle(ctx)
		if err != nil {
			if ctx.Err() == nil && !errors.Is(err, store.ErrLost) && !errors.Is(err, store.ErrNotFound) {
				e.log.Error("a swarm is taken over anew", "error", err)
			}
			e.giveUp(err)
			return
		}
		timer.Reset(time.Until(wake))
	}
}

// settle goes in rounds until one changes nothing, and returns when to look again although nothing happens.
func (e *Engine) settle(ctx context.Context) (wake time.Time, err error) {
	for more := true; more; {
		if more, wake, err = e.round(ctx); err != nil {
			return wake, err
		}
	}
	return wake, nil
}

// giveUp refuses all calls from now on, and ends those that wait.
func (e *Engine) giveUp(why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !errors.Is(why, ErrGone) && !errors.Is(why, store.ErrNotFound) { // it was deleted
		why = fmt.Errorf("%w (%w)", ErrGone, why)
	}
	e.gone = why
	for _, w := range e.workers {
		w.wake()
	}
	e.wakeAll()
}

// wakeAll wakes those who wait for the swarm's status, or for a decision.
func (e *Engine) wakeAll() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// touch has the goroutine go another round.
func (e *Engine) touch() {
	select {
	case e.dirty <- struct{}{}:
	default:
	}
}

// lock takes the lock, unless the engine has given up, or another server may own the swarm already: who is told that its lease is
// renewed must not be one whom the other is about to hold to be gone.
func (e *Engine) lock() error {
	e.mu.Lock()
	err := e.gone
	if err == nil && !e.holds() {
		err = ErrGone
	}
	if err != nil {
		e.mu.Unlock()
	}
	return err
}
