package node

import (
	"context"
	"reflect"
	"sync"
	"time"

	"teamtask.dev/ozymandias/state"
)

const (
	// fastest is the time between two reports; what changes in between goes into one.
	fastest = 200 * time.Millisecond
	// slowest is the time after which a report is written again though nothing has changed: one that was delayed on its way may have been
	// written after a newer one. It also has the load.
	slowest = 5 * time.Second
)

// A writer writes the node's report, always the newest.
type writer struct {
	*life
	changed chan struct{}

	mu     sync.Mutex
	newest state.Report
}

func newWriter(l *life) *writer { return &writer{life: l, changed: make(chan struct{}, 1)} }

// set has a report be written, if it says anything new.
func (w *writer) set(r state.Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	load := w.newest.Load
	w.newest.Load = r.Load
	if reflect.DeepEqual(w.newest, r) {
		w.newest.Load = load
		return
	}
	w.newest = r
	nudge(w.changed)
}

// run writes until ctx ends.
func (w *writer) run(ctx context.Context) {
	again := time.NewTicker(slowest)
	defer again.Stop()
	for failed := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-w.changed:
		case <-again.C:
		}
		w.mu.Lock()
		r := w.newest
		w.mu.Unlock()
		r.Load = load()
		attempt, done := context.WithTimeout(ctx, w.TTL/2)
		err := w.Store.Report(attempt, w.Name, r, w.lease.ID)
		done()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			nudge(w.changed)
		}
		if err != nil && !failed {
			w.Log.Warn("the node's report is not written", "error", err)
		}
		failed = err != nil
		if pause(ctx, fastest) != nil {
			return
		}
	}
}
