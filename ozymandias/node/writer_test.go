package node

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
)

// A report goes to all nodes, so one that says nothing new is not written again, as often as it is looked at. But what a node has said earlier and
// comes late, after what it said last, is put right.
func TestWriter(t *testing.T) {
	w := startWriter(t, Options{})
	stands := func(plan int64) int64 {
		return w.standing(t, func(r state.Report) bool { return r.Plan == plan })
	}
	w.set(state.Report{Incarnation: "a", Plan: 7})
	first := stands(7)
	for range 500 {
		if at := stands(7); at != first {
			t.Fatalf("what was written at %d is written again at %d", first, at)
		}
	}
	if _, err := w.Store.Report(t.Context(), "n1", state.Report{Incarnation: "a", Plan: 6}, w.lease.ID); err != nil {
		t.Fatal(err)
	}
	stands(7)
	w.set(state.Report{Incarnation: "a", Plan: 8})
	stands(8)
}

// What is wrong with the ingress is written once, and so is that it is mended, though nothing else is new.
func TestWriterTellsOfTheIngress(t *testing.T) {
	var now atomic.Pointer[[]schedule.IngressProblem]
	now.Store(new([]schedule.IngressProblem))
	w := startWriter(t, Options{Ingress: func() []schedule.IngressProblem { return *now.Load() }})
	w.set(state.Report{Incarnation: "a", Plan: 7})
	problem := schedule.IngressProblem{Host: "a.example", Text: "no certificate"}
	for range 3 {
		for _, told := range [][]schedule.IngressProblem{nil, {problem}, slices.Repeat([]schedule.IngressProblem{problem}, mostProblems)} {
			now.Store(&told)
			is := func(r state.Report) bool { return r.Plan == 7 && slices.Equal(r.Ingress, told) }
			first := w.standing(t, is)
			for range 200 {
				if at := w.standing(t, is); at != first {
					t.Fatalf("what was written at %d is written again at %d", first, at)
				}
			}
		}
	}
	many := slices.Repeat([]schedule.IngressProblem{problem}, 10*mostProblems)
	now.Store(&many)
	w.set(state.Report{Incarnation: "a", Plan: 8})
	w.standing(t, func(r state.Report) bool { return r.Plan == 8 && len(r.Ingress) == mostProblems })
}

// startWriter has one look as often as it can, until the test ends.
func startWriter(t *testing.T, o Options) *writer {
	t.Helper()
	etcd := etcdtest.Start(t).Direct
	held, err := lease.Grant(t.Context(), etcd, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	o.Name, o.Etcd, o.Store, o.TTL, o.Log = "n1", etcd, state.New(etcd), time.Minute, slog.New(slog.DiscardHandler)
	w := newWriter(&life{Node: &Node{Options: o}, lease: held})
	w.looks = time.NewTicker(time.Millisecond)
	w.rest = 0
	w.load = func() float64 { return 0.25 }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.run(t.Context())
	}()
	t.Cleanup(func() { <-ended })
	return w
}

// standing waits until it is in etcd, and returns the revision that wrote it.
func (w *writer) standing(t *testing.T, is func(state.Report) bool) int64 {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	defer done()
	for {
		answer, err := w.Etcd.Get(ctx, state.Prefix+"reports/n1")
		if err != nil {
			t.Fatalf("it never stands: %v", err)
		}
		for _, kv := range answer.Kvs {
			var report state.Report
			if err := json.Unmarshal(kv.Value, &report); err != nil {
				t.Fatal(err)
			}
			if is(report) {
				return kv.ModRevision
			}
		}
	}
}
