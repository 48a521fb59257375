package server_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
)

// The rows of a list that was worked on through a tier are those of a worker that works at the server itself, but for the
// worker's name, times, and attempts: large outputs, found values and what failed.
func TestRowsThroughATier(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	most, limit := resource.MustParse("64Ki"), resource.MustParse("1Gi")
	spec := v1alpha1.WorklistSpec{Size: 24, Block: v1alpha1.BlockPolicy{Size: 8, MaxAttempts: 1,
		Backoff: v1alpha1.BackoffPolicy{Initial: &metav1.Duration{Duration: time.Millisecond}}},
		Results: v1alpha1.ResultsPolicy{Keep: v1alpha1.KeepItems, Output: &most, Limit: &limit}}
	output := func(i int64) string { return fmt.Sprint(i) + strings.Repeat("<&x\n", 20<<10) }
	do := func(ctx context.Context, b *client.Block) error {
		for i := b.Index; i < b.Index+b.Size; i++ {
			r := v1alpha1.Report{Results: []v1alpha1.ItemResult{{Index: i, OK: i%7 > 0, Output: output(i), Seconds: 0.5}}}
			switch {
			case i%7 == 0:
				r.Failed = []v1alpha1.FailedItems{{Range: v1alpha1.Range{Index: i, Size: 1}, Reason: "seven"}}
				r.Results[0].Exit, r.Results[0].Reason = 7, "seven"
			case i%5 == 0:
				r.Found = []v1alpha1.Found{{Index: i, Value: fmt.Sprintf("found-%d", i)}}
				fallthrough
			default:
				r.Done = []v1alpha1.Range{{Index: i, Size: 1}}
			}
			b.Report(r)
		}
		return nil
	}
	worked := func(name string, at *client.Client, prefix string) (map[string]int, v1alpha1.WorklistStatus) {
		if err := at.Work(t.Context(), name, do, client.WorkOptions{Worker: "w", Parallel: 3}); err != nil {
			t.Fatal(err)
		}
		rows := map[string]int{}
		for r, err := range s.Results(t.Context(), name, client.ResultsFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if r.Worker != prefix+"w" {
				t.Errorf("a row of %s", r.Worker)
			}
			r.Time, r.Worker, r.Attempt = time.Time{}, "", 0
			rows[fmt.Sprintf("%+v", *r)]++
		}
		wl, err := s.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return rows, wl.Status
	}
	for _, name := range []string{"direct", "tiered"} {
		if _, err := s.Create(t.Context(), newList(name, spec)); err != nil {
			t.Fatal(err)
		}
	}
	x := startTier(t, s.Client, "tiered", "tier")
	defer x.stop(t)
	want, a := worked("direct", s.Client, "")
	got, b := worked("tiered", x.Client, "tier/")
	if !maps.Equal(got, want) {
		t.Errorf("%d rows through a tier, %d without", len(got), len(want))
		for row, n := range want {
			if got[row] != n {
				t.Errorf("%d times, not %d: %.150s", got[row], n, row)
			}
		}
	}
	if a.Done != b.Done || a.Failed != b.Failed || fmt.Sprint(a.FailedRanges) != fmt.Sprint(b.FailedRanges) || len(a.Found) != len(b.Found) {
		t.Errorf("%+v through a tier, %+v without", b, a)
	}
}
