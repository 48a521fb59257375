package node

import (
	"context"
	"math"
	"reflect"
	"sync"
	"time"

	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
)

const (
	// fastest is the time between two reports; what changes in between goes into one. Each instance adds to it, as a report with many is
	// long, and every node reads it: what one node writes stays below some hundred kilobytes a second.
	fastest = 200 * time.Millisecond
	forEach = 4 * time.Millisecond
	// slowest is the time after which it is looked whether the report stands though nothing has changed: one that was delayed on its
	// way may have been written after a newer one.
	slowest = 5 * time.Second
	// mostProblems is how many of the ingress are told, as each may be some hundred bytes.
	mostProblems = 100
	// shift is by how much the load has to be another one to be worth a report by itself.
	shift = 0.1
)

// A writer writes the node's report, always the newest.
type writer struct {
	*life
	changed chan struct{}
	looks   *time.Ticker
	rest    time.Duration // after a report
	load    func() float64
	written state.Report // the last one
	stands  int64        // the revision of etcd that has that

	mu     sync.Mutex
	newest state.Report
}

func newWriter(l *life) *writer {
	return &writer{life: l, changed: make(chan struct{}, 1), looks: time.NewTicker(slowest), rest: fastest, load: load}
}

// set has a report be written, if it says anything new.
func (w *writer) set(r state.Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !reflect.DeepEqual(w.newest, r) {
		w.newest = r
		nudge(w.changed)
	}
}

// run writes until ctx ends.
func (w *writer) run(ctx context.Context) {
	defer w.looks.Stop()
	for failed := false; ; {
		select {
		case <-ctx.Done():
			return
		case <-w.changed:
		case <-w.looks.C:
		}
		w.mu.Lock()
		r := w.newest
		w.mu.Unlock()
		r.Load, r.Ingress = w.load(), w.problems()
		err := w.write(ctx, r)
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
		if pause(ctx, w.rest+time.Duration(len(r.Instances))*forEach) != nil {
			return
		}
	}
}

// write writes a report, unless it says nothing new and stands.
func (w *writer) write(ctx context.Context, r state.Report) error {
	ctx, done := context.WithTimeout(ctx, w.TTL/2)
	defer done()
	if w.known(r) {
		at, err := w.Store.Reported(ctx, w.Name)
		if err != nil || at == w.stands {
			return err
		}
	}
	at, err := w.Store.Report(ctx, w.Name, r, w.lease.ID)
	if err == nil {
		w.written, w.stands = r, at
	}
	return err
}

// known tells whether a report says nothing beyond the last one.
func (w *writer) known(r state.Report) bool {
	if math.Abs(r.Load-w.written.Load) >= shift {
		return false
	}
	r.Load = w.written.Load
	return reflect.DeepEqual(r, w.written)
}

// problems are those of the node's ingress. They are looked at when a report may be written anyway, so they never come more often.
func (w *writer) problems() []schedule.IngressProblem {
	if w.Ingress == nil {
		return nil
	}
	all := w.Ingress()
	return all[:min(len(all), mostProblems)]
}
