package node

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/state"
)

// A report goes to all nodes, so one that says nothing new is not written again, as often as it is looked at. But what a node has said earlier and
// comes late, after what it said last, is put right.
func TestWriter(t *testing.T) {
	etcd := etcdtest.Start(t).Direct
	held, err := lease.Grant(t.Context(), etcd, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	store := state.New(etcd, state.DefaultPrefix)
	n := &Node{Options: Options{Name: "n1", Store: store, TTL: time.Minute, Log: slog.New(slog.DiscardHandler)}}
	w := newWriter(&life{Node: n, lease: held})
	w.looks = time.NewTicker(time.Millisecond)
	w.rest = 0
	w.load = func() float64 { return 0.25 }
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.run(t.Context())
	}()
	t.Cleanup(func() { <-ended })

	// stands waits until it is in etcd, and returns the revision that wrote it.
	stands := func(plan int64) int64 {
		for {
			answer, err := etcd.Get(t.Context(), state.DefaultPrefix+"reports/n1")
			if err != nil {
				t.Fatal(err)
			}
			for _, kv := range answer.Kvs {
				var report state.Report
				if err := json.Unmarshal(kv.Value, &report); err != nil {
					t.Fatal(err)
				}
				if report.Plan == plan {
					return kv.ModRevision
				}
			}
		}
	}
	w.set(state.Report{Incarnation: "a", Plan: 7})
	first := stands(7)
	for range 500 {
		if at := stands(7); at != first {
			t.Fatalf("what was written at %d is written again at %d", first, at)
		}
	}
	if _, err := store.Report(t.Context(), "n1", state.Report{Incarnation: "a", Plan: 6}, held.ID); err != nil {
		t.Fatal(err)
	}
	stands(7)
	w.set(state.Report{Incarnation: "a", Plan: 8})
	stands(8)
}
