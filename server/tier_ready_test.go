package server

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// Where the upstream has to be waited for, completions that come meanwhile are turned in with the first, and not with the next.
func TestCompletionsWaitTogether(t *testing.T) {
	spec := tenAtOnce
	spec.Size = 10_000
	kept(t, spec, func(t *testing.T, k *keeper, j *slowJournal) {
		a := &above{journal: j, keeper: k, wl: v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Name: "list", UID: "uid"}, Spec: spec}}
		turnedIn := 0
		a.on(nil, func(_ context.Context, req *v1alpha1.ExchangeRequest) error {
			if len(req.Reports) > 0 {
				turnedIn++
			}
			return nil
		})
		const pace = time.Minute
		next := time.Now().Add(pace)
		x, err := NewTier(t.Context(), TierOptions{Upstream: a, List: "list", Name: "tier", Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
			Ready: func(ctx context.Context) error {
				for time.Now().Before(next) {
					time.Sleep(time.Until(next))
				}
				next = time.Now().Add(pace)
				return nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		below := keeperOf(t, x)
		var held []v1alpha1.Lease
		for range 5 {
			held = append(held, claimed(t, below, waiting("w")))
		}
		if turnedIn != 0 || time.Now().After(next) {
			t.Error("claims waited for the upstream to take completions")
		}
		var all sync.WaitGroup
		for i, l := range held {
			all.Go(func() {
				time.Sleep(time.Duration(i) * time.Second)
				if err := complete(t.Context(), below, "w", l.Token); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if turnedIn != 1 {
			t.Errorf("they were turned in %d times, want once", turnedIn)
		}
		if err := x.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
