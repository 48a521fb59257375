package faults

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// A manager is killed after its n-th write, the answer delivered or lost, for every n that a small list takes; another one
// goes on. The end is the same: all items done, once, no Block left, and nothing lost that a worker was told is done.
func TestKilledAfterEveryWrite(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprintf("lost=%t", lost), func(t *testing.T) {
			t.Parallel()
			chaos.EachWrite(t, func(t *testing.T, n int64) bool { return smallList(t, chaos.NewFuse(n, lost, writes)) })
		})
	}
}

// smallList has a list of 16 items done by three workers: one that goes on in the same Block, one that turns in, fails, and
// gives back, and one that deletes its Block and then falls silent. It tells whether the fuse has blown meanwhile.
func smallList(t *testing.T, f *chaos.Fuse) bool {
	s := newSite(t)
	s.manageKilled(f)
	wl := s.create("list", v1alpha1.WorklistSpec{Size: 16, Block: v1alpha1.BlockPolicy{Size: 4, MaxAttempts: 100,
		Timeout: &metav1.Duration{Duration: time.Second}}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	h := newHistory()
	var working sync.WaitGroup
	start := func(name string, refill bool, do func(*hand)) {
		w := s.worker("list", name)
		w.refill, w.history = refill, h
		working.Go(func() { w.work(ctx, do) })
	}
	start("a", true, func(x *hand) { x.finish(ctx, v1alpha1.BlockDone, nil) })
	turn := 0
	start("b", false, func(x *hand) {
		switch turn++; turn {
		case 1:
			x.finish(ctx, v1alpha1.BlockDone, nil, failing(x.r, x.r.Start+1)...)
		case 2:
			x.renew(ctx, 1)
			x.finish(ctx, v1alpha1.BlockReleased, []v1alpha1.Range{{Index: x.r.Start, Size: 1}})
		default:
			x.finish(ctx, v1alpha1.BlockDone, nil)
		}
	})
	turns := 0
	start("c", false, func(x *hand) {
		switch turns++; turns {
		case 1:
			x.renew(ctx, 1)
			s.delete(x.name, x.uid)
		case 2: // falls silent
		default:
			x.finish(ctx, v1alpha1.BlockDone, nil)
		}
	})
	working.Wait()
	end := s.complete("list", 0)
	h.ended(end.Status.Record())
	h.check(t, wl.Spec.Size)
	return f.HasBlown()
}

// delete deletes a Block, as a person would; uid "": whichever is of that name.
func (s *site) delete(name string, uid types.UID) {
	s.t.Helper()
	b := &v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: name}}
	var only []client.DeleteOption
	if uid != "" {
		only = append(only, client.Preconditions{UID: &uid})
	}
	if err := client.IgnoreNotFound(s.client.Delete(s.t.Context(), b, only...)); err != nil {
		s.t.Error(err)
	}
}
