package test

import (
	"context"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"testing"
	"time"

	"teamtask.dev/api/v1alpha1"
)

// Tiers are killed under load, one after the other, while workers go on at whichever lives. No completion that a tier
// acknowledged is lost, nothing is counted twice, and what a tier had in hand is done by others.
func TestKillingTiers(t *testing.T) {
	const kills = 20
	top := newSite(t)
	spec := v1alpha1.WorklistSpec{Size: 1 << 50, Block: v1alpha1.BlockPolicy{Size: 10, Timeout: seconds(2)}}
	top.create("long", spec)
	var tiers []*site
	for range 2 {
		tiers = append(tiers, newSite(t, "--upstream", top.URL, "--upstream-list", "long", "--upstream-token", top.Token))
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var ack acknowledged
	var workers sync.WaitGroup
	errs := make(chan error, 6)
	for i := range cap(errs) {
		workers.Go(func() {
			if err := hammer(ctx, tiers[i%2].Client, "long", fmt.Sprintf("w%d", i), &ack); err != nil {
				errs <- err
			}
		})
	}
	for n := range kills {
		ack.mu.Lock()
		before := ack.items.Sum()
		ack.mu.Unlock()
		eventually(t, "the workers get on", func() bool {
			ack.mu.Lock()
			defer ack.mu.Unlock()
			return ack.items.Sum() > before+100 || len(errs) > 0
		})
		pause := time.NewTimer(mathrand.N(100 * time.Millisecond))
		<-pause.C
		victim := tiers[n%2]
		if n%5 == 4 {
			victim = top
		}
		victim.kill()
		victim.start()
		top.covered(t, &ack)
	}
	stop()
	workers.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	top.covered(t, &ack)
	if len(ack.twice) > 0 {
		t.Errorf("counted twice: %v", ack.twice)
	}
	top.rowsOnce(t, "long")

	// What the lost tiers had in hand goes out again: in the end there is no gap below the highest item done.
	for _, x := range tiers {
		x.kill()
	}
	if st := top.status("long"); st.Leased+st.Waiting > 100*st.Done {
		t.Errorf("the tiers took %d items, when all workers together have done %d", st.Leased+st.Waiting, st.Done)
	}
	eventually(t, "what was in hand goes out again", func() bool {
		st := top.status("long")
		if st.BlocksOut == 0 && len(st.DoneRanges) == 1 {
			return true
		}
		req := &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: "last", Blocks: 1000}}
		resp, err := top.Exchange(t.Context(), "long", req)
		if err != nil {
			t.Fatal(err)
		}
		req.Blocks = 0
		for _, l := range resp.Leases {
			req.Complete = append(req.Complete, l.Token)
		}
		if _, err = top.Exchange(t.Context(), "long", req); err != nil {
			t.Fatal(err)
		}
		return false
	})
}
