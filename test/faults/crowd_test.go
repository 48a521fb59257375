package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// crowd has a list done by workers that do all that workers do: work, say how far they are, fail, give back, are deleted, fall
// silent. Then the list is complete, nothing is lost, and what the workers saw could have been if all calls were made one after
// the other. wrong is what goes wrong on the workers' way to the API server.
func (s *site) crowd(t *testing.T, rng *rand.Rand, items int64, wrong chaos.Fault) {
	t.Helper()
	s.create("list", v1alpha1.WorklistSpec{Size: items, Block: v1alpha1.BlockPolicy{Size: 5, MaxAttempts: 1000,
		Timeout: &metav1.Duration{Duration: 2 * time.Second}}})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	h := newHistory()
	var working sync.WaitGroup
	for i := range 6 {
		w := s.worker("list", fmt.Sprintf("w%d", i))
		w.refill, w.history = i%2 == 0, h
		if wrong != nil {
			w.client = s.through(wrong)
		}
		dice := chaos.NewChance(rng)
		working.Go(func() {
			w.work(ctx, func(x *hand) {
				some := int64(dice.Roll() * float64(x.r.Size()))
				part := []v1alpha1.Range{{Index: x.r.Start, Size: some}}[:min(1, some)]
				switch roll := dice.Roll(); {
				case roll < 0.05: // falls silent
				case roll < 0.1:
					x.renew(ctx, some)
					s.delete(x.name, x.uid)
				case roll < 0.2:
					x.finish(ctx, v1alpha1.BlockReleased, part)
				case roll < 0.35:
					x.finish(ctx, v1alpha1.BlockDone, nil, failing(x.r, x.r.Start+some)...)
				case roll < 0.5:
					x.renew(ctx, some)
					x.finish(ctx, v1alpha1.BlockDone, nil)
				default:
					x.finish(ctx, v1alpha1.BlockDone, nil)
				}
			})
		})
	}
	working.Wait()
	end := s.complete("list", 0)
	h.ended(end.Status.Record())
	h.check(t, items)
	t.Logf("%d ranges were given out, %d calls", s.turns, len(h.calls))
}

// The answers to a manager's and the workers' writes are lost, or late, or never were true.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	rng, s := chaos.Random(t), newSite(t)
	s.manage(loses(chaos.NewChance(rng)))
	s.crowd(t, rng, 100, loses(chaos.NewChance(rng)))
}

// Two managers both believe that they lead, and either is held up now and then between what it reads and what it writes.
func TestTwoLeaders(t *testing.T) {
	t.Parallel()
	rng, s := chaos.Random(t), newSite(t)
	s.manage(pauses(chaos.NewChance(rng)))
	s.manage(pauses(chaos.NewChance(rng)))
	s.crowd(t, rng, 150, nil)
}

// Two leaders, of whom one sees nothing new for a while, again and again, and the other's watches drop events and break off.
func TestStaleWatches(t *testing.T) {
	t.Parallel()
	rng, s := chaos.Random(t), newSite(t)
	frozen, torn := newLens(), newLens()
	dice := chaos.NewChance(rng)
	torn.Drop = func(line []byte) bool { return changes(line) && dice.Roll() < 0.1 }
	torn.Breaks = func() bool { return dice.Roll() < 0.05 }
	s.manage(chaos.Fault(frozen.Fault).And(pauses(chaos.NewChance(rng))))
	s.manage(chaos.Fault(torn.Fault).And(pauses(chaos.NewChance(rng))))
	over := make(chan struct{})
	var freezing sync.WaitGroup
	freezing.Go(func() {
		for {
			frozen.Freeze()
			ended := pause(over, 3*time.Second)
			frozen.Thaw()
			if ended || pause(over, time.Second) {
				return
			}
		}
	})
	s.crowd(t, rng, 100, nil)
	close(over)
	freezing.Wait()
}

// pause waits, and tells whether it was over before.
func pause(over <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-over:
		return true
	case <-timer.C:
		return false
	}
}
