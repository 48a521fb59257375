package faults

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller"
)

// Of what happens again and again one event tells, and counts.
func TestFailuresAreFewEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("list", v1alpha1.WorklistSpec{Size: 60, Block: v1alpha1.BlockPolicy{Size: 2, MaxAttempts: 1}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s.worker("list", "w").work(ctx, func(x *hand) {
		x.finish(ctx, v1alpha1.BlockDone, nil, failing(x.r, x.r.Start, x.r.End-1)...)
	})
	s.complete("list", 60)
	s.saidOf("list", "GaveUp")
	s.saidOf("list", "Completed")
	if n := s.eventObjects("list"); n > 10 {
		t.Errorf("%d events were made of a list whose items all failed", n)
	}
}

// What a worker says of a failure may be longer than an event may be. There is one all the same.
func TestLongReason(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("list", v1alpha1.WorklistSpec{Size: 1, Block: v1alpha1.BlockPolicy{MaxAttempts: 1}})
	x := s.take("list", "w")
	bad := failing(x.r, 0)
	bad[0].Reason = strings.Repeat("ä", 1024)
	x.done(bad...)
	s.saidOf("list", "GaveUp")
}

// Of the Blocks that wait as many are left as there may be in the cluster, the oldest; the others are turned away, and one event
// tells of it.
func TestMostBlocks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.create("list", v1alpha1.WorklistSpec{Size: 400, Block: v1alpha1.BlockPolicy{Size: 10}})
	w := s.worker("list", "early")
	for range 30 { // before anybody sees to them
		if _, err := w.ask(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s.manageWith(nil, controller.Options{MostBlocks: 5})
	s.until("five are left, with a range each", func() bool {
		for _, b := range s.blocks {
			if !b.Status.Held() {
				return false
			}
		}
		return len(s.blocks) == 5
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var working sync.WaitGroup
	for i := range 10 {
		working.Go(func() {
			s.worker("list", fmt.Sprint("w", i)).work(ctx, func(x *hand) { x.finish(ctx, v1alpha1.BlockDone, nil) })
		})
	}
	s.until("others are turned away", func() bool { return len(s.ended) > 60 })
	for _, b := range s.held() {
		s.delete(b.Name, b.UID)
	}
	working.Wait()
	s.complete("list", 0)
	s.saidOf("list", "ClusterLimit")
	if n := s.eventObjects("list"); n > 10 {
		t.Errorf("%d events were made", n)
	}
}

// held are the Blocks that were given something.
func (s *site) held() (out []*v1alpha1.Block) {
	s.Lock()
	defer s.Unlock()
	for _, b := range s.blocks {
		if b.Status.Held() && b.Spec.Worker == "early" {
			out = append(out, b)
		}
	}
	return out
}

// eventObjects is how many Events there are about an object.
func (s *site) eventObjects(name string) (n int) {
	s.t.Helper()
	pause(s.t.Context().Done(), time.Second) // they are written by and by
	var all eventsv1.EventList
	if err := s.client.List(s.t.Context(), &all, client.InNamespace(s.ns)); err != nil {
		s.t.Fatal(err)
	}
	for _, e := range all.Items {
		if e.Regarding.Name == name {
			n++
		}
	}
	return n
}
