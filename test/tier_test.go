package test

import (
	mathrand "math/rand/v2"
	"testing"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
)

// Tiers are killed under load, one after the other, while workers go on at whichever lives. No completion that a tier
// acknowledged is lost, nothing is counted twice, and what a tier had in hand is done by others.
func TestKillingTiers(t *testing.T) {
	t.Parallel()
	const kills = 20
	top := newSite(t)
	spec := v1alpha1.WorklistSpec{Size: 1 << 50, Block: v1alpha1.BlockPolicy{Size: 10, Timeout: seconds(2)}}
	top.create("long", spec)
	var tiers []*site
	for range 2 {
		tiers = append(tiers, newSite(t, "--upstream", top.URL, "--upstream-list", "long", "--upstream-token", top.Token))
	}
	workers := hire(t, 6, "w", func(i int) *client.Client { return tiers[i%2].Client })
	for n := range kills {
		workers.getOn(t, "the workers get on", 101)
		pause := time.NewTimer(mathrand.N(100 * time.Millisecond))
		<-pause.C
		victim := tiers[n%2]
		if n%5 == 4 {
			victim = top
		}
		victim.kill()
		victim.start()
		top.covered(t, &workers.ack)
	}
	workers.dismiss(t, top)

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
