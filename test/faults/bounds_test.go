package faults

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// Of fifty workers that each want a Block as many are left with one as there may be, whatever it is that the others wait for.
func TestFewBlocks(t *testing.T) {
	for _, c := range []struct {
		what     string
		size     int64
		held     int
		suspends bool
	}{
		{"all may be out", 1000, 10, false},
		{"nothing is left", 8, 8, false},
		{"suspended", 1000, 3, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.manage(nil)
			s.create("list", v1alpha1.WorklistSpec{Size: c.size, Block: v1alpha1.BlockPolicy{Size: 1, Timeout: seconds(3600)}, Limits: v1alpha1.Limits{Blocks: 10}})
			for i := range c.held {
				s.take("list", fmt.Sprint("w", i))
			}
			s.change("list", func(spec *v1alpha1.WorklistSpec) { spec.Suspend = c.suspends })
			var asking sync.WaitGroup
			for i := range 50 - c.held {
				asking.Go(func() {
					if _, err := s.worker("list", fmt.Sprint("v", i)).ask(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			asking.Wait()
			s.until("all fifty have asked, and as many Blocks are left as may be", func() bool {
				return len(s.ended)+len(s.blocks) == 50 && len(s.blocks) <= 10
			})
		})
	}
}

// A list of millions in blocks of one item is handed out in larger Blocks, and says so.
func TestLargerBlocks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("list", v1alpha1.WorklistSpec{Size: 5_000_000, Block: v1alpha1.BlockPolicy{Size: 1}})
	if x := s.take("list", "w"); x.r.Size() != 500 {
		t.Errorf("%v is given out", x.r)
	}
	s.saidOf("list", "LargerBlocks")
}

// saidOf waits until an event of that reason is there.
func (s *site) saidOf(list, reason string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for !s.events(ctx, list)[reason] {
		if pause(ctx.Done(), 100*time.Millisecond) {
			s.t.Fatalf("no event %s of %s: %v", reason, list, s.events(s.t.Context(), list))
		}
	}
}

// events are the reasons of the events of an object.
func (s *site) events(ctx context.Context, name string) map[string]bool {
	var all eventsv1.EventList
	if err := s.client.List(ctx, &all, client.InNamespace(s.ns)); err != nil && ctx.Err() == nil {
		s.t.Fatal(err)
	}
	out := map[string]bool{}
	for _, e := range all.Items {
		if e.Regarding.Name == name {
			out[e.Reason] = true
		}
	}
	return out
}

// What a person would ask about is an event; that a range was handed out, or turned in, is none. A range costs few writes.
func TestEventsAndWrites(t *testing.T) {
	t.Parallel()
	for _, refill := range []bool{false, true} {
		s := newSite(t)
		var count, workers counter
		s.manage(count.fault)
		s.create("list", v1alpha1.WorklistSpec{Size: 1000, Block: v1alpha1.BlockPolicy{Size: 10, MaxAttempts: 1}})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		var working sync.WaitGroup
		for i := range 10 {
			w := s.worker("list", fmt.Sprint("w", i))
			w.refill, w.client = refill, s.through(workers.fault)
			working.Go(func() {
				w.work(ctx, func(x *hand) { x.finish(ctx, v1alpha1.BlockDone, nil, failing(x.r, 55)...) })
			})
		}
		working.Wait()
		s.complete("list", 1)
		t.Logf("refill=%t: %d ranges took %.1f writes each of the manager, and %.1f of the workers", refill, s.turns,
			float64(count.Load())/float64(s.turns), float64(workers.Load())/float64(s.turns))
		s.change("list", func(spec *v1alpha1.WorklistSpec) { spec.RetryFailed = 1 })
		for _, reason := range []string{"Started", "GaveUp", "Completed", "Retry", "Reopened"} {
			s.saidOf("list", reason)
		}
		s.change("list", func(spec *v1alpha1.WorklistSpec) { spec.Suspend = true })
		s.saidOf("list", "Suspended")
		s.change("list", func(spec *v1alpha1.WorklistSpec) { spec.Suspend = false })
		s.saidOf("list", "Resumed")
		s.change("list", func(spec *v1alpha1.WorklistSpec) { spec.Cancelled = true })
		s.saidOf("list", "Cancelled")
		var all eventsv1.EventList
		if err := s.client.List(ctx, &all, client.InNamespace(s.ns)); err != nil {
			t.Fatal(err)
		}
		if len(all.Items) > 15 {
			t.Errorf("%d events were made of a list with one failure", len(all.Items))
		}
	}
}
