package server_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// Who did an item is who did it at last, not who failed at it before.
func TestLocate(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	ctx := t.Context()
	if _, err := s.Create(ctx, newList("a", v1alpha1.WorklistSpec{Size: 4, Block: v1alpha1.BlockPolicy{Size: 2, MaxAttempts: 2,
		Backoff: v1alpha1.BackoffPolicy{Initial: &metav1.Duration{Duration: time.Millisecond}}}})); err != nil {
		t.Fatal(err)
	}
	take := func(worker string) v1alpha1.Lease {
		t.Helper()
		resp, err := s.Claim(ctx, "a", &v1alpha1.ClaimRequest{Worker: worker, Wait: &metav1.Duration{Duration: 10 * time.Second}})
		if err != nil || len(resp.Leases) != 1 {
			t.Fatal(resp, err)
		}
		return resp.Leases[0]
	}
	fail := func(worker string, l v1alpha1.Lease, final bool) {
		t.Helper()
		r := v1alpha1.Report{Token: l.Token, Failed: []v1alpha1.FailedItems{{Range: v1alpha1.Range{Index: l.Index, Size: l.Size}, Reason: "no", Final: final}}}
		if _, err := s.Complete(ctx, "a", worker, r); err != nil {
			t.Fatal(err)
		}
	}
	other := take("other") // items 0 and 1, so that the next ones come out alone
	first := take("clumsy")
	fail("clumsy", first, false)
	again := take("able")
	if again.Index != first.Index {
		t.Fatalf("%+v after %+v", again, first)
	}
	if place, err := s.Locate(ctx, "a", again.Index); err != nil || place.Worker != "able" || place.Place != "being worked on" {
		t.Errorf("%+v, %v", place, err)
	}
	if _, err := s.Complete(ctx, "a", "able", v1alpha1.Report{Token: again.Token}); err != nil {
		t.Fatal(err)
	}
	fail("other", other, true)
	for index, want := range map[int64]string{again.Index: "able", other.Index: "other"} {
		if place, err := s.Locate(ctx, "a", index); err != nil || place.Worker != want {
			t.Errorf("item %d: %+v, %v; want worker %s", index, place, err, want)
		}
	}
}
