package faults

import (
	"context"
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// A status stays below 64 KiB, which the watcher looks after, however what Blocks are turned in with is scattered over the list.
// Of each Block every second item is done; the others are given back, or fail, and go out again later.
func TestScattered(t *testing.T) {
	for _, c := range []struct {
		what           string
		blocks, pieces int
		phase          v1alpha1.BlockPhase
	}{
		{"given back in a few pieces, by many", 50, 60, v1alpha1.BlockReleased},
		{"given back in thousands of pieces", 2, 4000, v1alpha1.BlockReleased},
		{"failed in a thousand pieces", 3, 1000, v1alpha1.BlockDone},
		{"not heard of again", 3, 1000, v1alpha1.BlockExpired},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.manage(nil)
			const far = int64(1e9) // indexes as long lists have them
			s.create("list", v1alpha1.WorklistSpec{Size: far * int64(c.blocks), Block: v1alpha1.BlockPolicy{Size: far, MaxAttempts: 2,
				Timeout: seconds(3600), Backoff: v1alpha1.BackoffPolicy{Initial: seconds(1), Max: seconds(1)}}})
			var all []*hand
			for i := range c.blocks {
				all = append(all, s.take("list", fmt.Sprint("w", i)))
			}
			for _, x := range all {
				x.scatter(c.pieces, c.phase)
			}
			s.until("something is merged", func() bool { return len(s.lists["list"].Status.DoneRanges) > 100 })
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			w := s.worker("list", "w")
			w.refill = true
			for range 3 { // it goes on
				h, err := w.ask(ctx)
				if err != nil || !h.next(ctx) {
					t.Fatal("nothing goes out: ", err, s.status("list").Reason())
				}
				h.done()
			}
			s.Lock()
			defer s.Unlock()
			t.Logf("at most %d bytes", s.largest)
		})
	}
}

// scatter ends a turn with every second of so many pieces of the range done.
func (x *hand) scatter(pieces int, phase v1alpha1.BlockPhase) {
	x.s.t.Helper()
	var done []v1alpha1.Range
	var bad []v1alpha1.FailedItems
	for i := range int64(pieces) {
		done = append(done, v1alpha1.Range{Index: x.r.Start + 2*i, Size: 1})
		bad = append(bad, v1alpha1.FailedItems{Range: v1alpha1.Range{Index: x.r.Start + 2*i + 1, Size: 1}, Reason: strings.Repeat("because ", 20)})
	}
	if phase != v1alpha1.BlockDone {
		bad = nil
	}
	v := x.write(x.s.t.Context(), func(s *v1alpha1.BlockStatus) {
		s.DoneRanges, s.FailedRanges = done, bad
		s.SetPhase(phase, "", metav1.Now())
	})
	x.must(v == accepted, "it is turned in")
}
