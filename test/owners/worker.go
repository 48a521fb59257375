package owners

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/member"
)

// Worker is a member of a Swarm's pool, in this process. Its program stops its workloads slowly, or not at all, as it is told.
type Worker struct {
	Name    string
	Wire    *Wire
	history *History

	mu    sync.Mutex
	runs  map[string]Owner
	slow  time.Duration // a workload takes up to so long to stop
	stuck chan struct{} // the program hangs until it is closed; nil: it does not
	moods int           // so many times it fails
	dead  bool          // it was killed: whatever it does now, it does not happen
	going bool          // it was told to go, or was killed

	cancel context.CancelFunc
	drain  func()
	ended  chan struct{}
}

// Hire has a worker join behind a door, and do as it is told until it ends.
func Hire(name string, door member.Door, wire *Wire, h *History) *Worker {
	w := &Worker{Name: name, Wire: wire, history: h, runs: map[string]Owner{}, ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	drain := make(chan struct{})
	w.cancel, w.drain = cancel, sync.OnceFunc(func() { close(drain) })
	o := member.Options{Drain: drain, Kill: w.killPrograms, Log: slog.New(slog.DiscardHandler),
		Joined: func(time.Duration) { h.Note("%s has joined", name) },
		Lost:   func(why error) { h.Note("%s has lost its session: %v", name, why) }}
	go func() {
		defer close(w.ended)
		defer cancel()
		err := member.Run(ctx, door, member.Worker{Name: name}, o, w.apply)
		h.Note("%s has ended: %v", name, err)
		if err != nil && !errors.Is(err, context.Canceled) {
			h.t.Errorf("%s ends: %v", name, err)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		for workload, o := range w.runs {
			h.t.Errorf("%s has ended, and runs %s as %s", name, workload, o)
		}
	}()
	return w
}

var errMoody = errors.New("not today")

// apply is a program that runs one part after the other.
func (w *Worker) apply(ctx context.Context, part v1alpha1.AssignmentSpec) error {
	w.mu.Lock()
	stuck, slow, moody := w.stuck, w.slow, w.moods > 0 && len(w.runs) > 0
	if moody {
		w.moods--
	}
	w.mu.Unlock()
	if stuck != nil {
		<-stuck
	}
	if moody {
		return errMoody
	}
	wanted := map[string]Owner{}
	for _, g := range part.Workloads {
		wanted[g.Name] = Owner{w.Name, part.Incarnation, g.Epoch}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for name, o := range maps.Clone(w.runs) {
		if wanted[name] == o {
			continue
		}
		w.mu.Unlock()
		wait(ctx, rand.N(slow+1)) // a program that is ended by force ends at once
		w.mu.Lock()
		if ctx.Err() != nil && part.Incarnation != "" {
			return ctx.Err()
		}
		w.end(name)
	}
	for name, o := range wanted {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if _, runs := w.runs[name]; !runs && !w.dead {
			w.runs[name] = o
			w.history.Start(name, o, w.Wire)
		}
	}
	return nil
}

// end ends a workload, if it runs. The caller holds the lock.
func (w *Worker) end(name string) {
	if o, runs := w.runs[name]; runs {
		delete(w.runs, name)
		w.history.Stop(name, o)
	}
}

// killPrograms ends all workloads, and what makes the program hang.
func (w *Worker) killPrograms(why error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.history.Note("the programs of %s are killed: %v", w.Name, why)
	for name := range w.runs {
		w.end(name)
	}
	w.recover()
}

// Kill ends the worker as kill -9 does: nobody hears of it, and its programs end with it.
func (w *Worker) Kill() {
	w.Wire.Set(Dead)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dead, w.going = true, true
	for name := range w.runs {
		w.end(name)
	}
	w.recover()
	w.cancel()
}

// Leave has the worker leave in order: it stops everything first.
func (w *Worker) Leave() {
	w.leaves()
	w.cancel()
}

// Drain has the worker leave once others have what it had.
func (w *Worker) Drain() {
	w.leaves()
	w.drain()
}

func (w *Worker) leaves() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.going = true
}

// Hang has the program hang: it does nothing that it is told until it recovers, or is killed.
func (w *Worker) Hang() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stuck == nil && !w.dead {
		w.stuck = make(chan struct{})
	}
}

// Burden makes the program slow to stop, and has it fail so many times.
func (w *Worker) Burden(slow time.Duration, moods int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slow, w.moods = slow, moods
}

// Recover makes the program quick again.
func (w *Worker) Recover() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slow, w.moods = 0, 0
	w.recover()
}

func (w *Worker) recover() {
	if w.stuck != nil {
		close(w.stuck)
		w.stuck = nil
	}
}

// Stays tells whether the worker is there for good, as far as it knows.
func (w *Worker) Stays() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.going
}

// Ended is closed when the worker has ended.
func (w *Worker) Ended() <-chan struct{} { return w.ended }
