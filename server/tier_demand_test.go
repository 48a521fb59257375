package server

import (
	"context"
	"log/slog"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// A tier on demand claims nothing while nobody waits for it, be there nothing at hand, unless blocks are done in no time.
func TestATierOnDemand(t *testing.T) {
	spec := tenAtOnce
	spec.Size = 10_000
	kept(t, spec, func(t *testing.T, k *keeper, j *slowJournal) {
		a := &above{journal: j, keeper: k, wl: v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Name: "list", UID: "uid"}, Spec: spec}}
		x, err := NewTier(t.Context(), TierOptions{Upstream: a, List: "list", Name: "tier", OnDemand: true, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		below := keeperOf(t, x)
		settled := func() (stock int64, claims int) {
			time.Sleep(time.Second)
			below.read(func(time.Time) { stock = below.ledger.Stock() })
			a.mu.Lock()
			defer a.mu.Unlock()
			return stock, a.claims
		}
		if _, claims := settled(); claims != 0 {
			t.Errorf("%d claims before there is a worker", claims)
		}
		// Workers that take their time take what is at hand, and then it is all out.
		var held []v1alpha1.Lease
		for stock := int64(1); stock > 0; stock, _ = settled() {
			held = append(held, claimed(t, below, waiting("w")))
		}
		if _, claims := settled(); claims != 1 {
			t.Errorf("%d claims, and nobody waits", claims)
		}
		time.Sleep(restock)
		for _, l := range held {
			if err := complete(t.Context(), below, "w", l.Token); err != nil {
				t.Fatal(err)
			}
		}
		if stock, claims := settled(); stock != 0 || claims != 1 {
			t.Errorf("%d items at hand after %d claims, and nobody waits", stock, claims)
		}
		// Workers that are soon through have the next block fetched ahead.
		for range 10 {
			if err := complete(t.Context(), below, "w", claimed(t, below, waiting("w")).Token); err != nil {
				t.Fatal(err)
			}
		}
		if stock, _ := settled(); stock == 0 {
			t.Errorf("nothing is at hand")
		}
		if err := x.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// How long workers took goes upstream with the block it was for: that sizes the next ones.
func TestElapsedGoesUpstream(t *testing.T) {
	spec := tenAtOnce
	spec.Size = 20
	tiered(t, spec, func(t *testing.T, a *above, x *Tier) {
		below := keeperOf(t, x)
		took := map[int64]float64{}
		a.on(nil, func(_ context.Context, req *v1alpha1.ExchangeRequest) error {
			for _, r := range req.Reports {
				took[r.Done[0].Index] += r.ElapsedSeconds
			}
			return nil
		})
		for range 2 {
			l := claimed(t, below, waiting("w"))
			for i := range l.Size {
				rep := v1alpha1.Report{Token: l.Token, Done: []v1alpha1.Range{{Index: l.Index + i, Size: 1}}, ElapsedSeconds: 0.5 + float64(l.Index+i)}
				if resp, err := below.exchange(t.Context(), &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: "w"}, Reports: []v1alpha1.Report{rep}}); err != nil || resp.Accepted != 1 {
					t.Fatal(resp, err)
				}
			}
		}
		for i := range int64(20) {
			if took[i] != 0.5+float64(i) {
				t.Errorf("item %d took %gs", i, took[i])
			}
		}
	})
}
