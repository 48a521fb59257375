package kube

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// What a status says of each item is what was said of it first, and no item is counted twice, whatever is reported in which
// order.
func TestTurnProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const start, size = 100, 30
		x := turn{number: 3, whole: worklist.Range{Start: start, End: start + size}}
		var want [size]v1alpha1.ReportStatus // "" while nothing is said
		within := func(label string) v1alpha1.Range {
			i := rapid.Int64Range(0, size-1).Draw(t, label)
			return v1alpha1.Range{Index: start + i, Size: rapid.Int64Range(1, size-i).Draw(t, label+" size")}
		}
		var items int64
		for range rapid.IntRange(1, 20).Draw(t, "reports") {
			r := v1alpha1.Report{Release: rapid.IntRange(0, 9).Draw(t, "release") == 0}
			for range rapid.IntRange(0, 2).Draw(t, "done") {
				r.Done = append(r.Done, within("done"))
			}
			for range rapid.IntRange(0, 2).Draw(t, "failed") {
				r.Failed = append(r.Failed, v1alpha1.FailedItems{Range: within("failed"), Reason: "no luck"})
			}
			if ended := x.end != ""; !ended {
				say := func(as v1alpha1.ReportStatus, d v1alpha1.Range) {
					for i := d.Index; i < d.Index+d.Size; i++ {
						if want[i-start] == "" {
							want[i-start] = as
						}
					}
				}
				for _, d := range r.Done {
					say("done", d)
				}
				if len(r.Done)+len(r.Failed) == 0 && !r.Release {
					say("done", v1alpha1.RangeOf(x.whole))
				}
				for _, f := range r.Failed {
					say("failed", f.Range)
				}
			}
			items += x.report(&r).Items
		}
		var st v1alpha1.BlockStatus
		x.write(&st, "w", time.Now())
		var got [size]v1alpha1.ReportStatus
		set := func(as v1alpha1.ReportStatus, d v1alpha1.Range) {
			for i := d.Index; i < d.Index+d.Size; i++ {
				if got[i-start] != "" {
					t.Fatalf("item %d is said to be %s and %s", i, got[i-start], as)
				}
				got[i-start] = as
			}
		}
		for _, d := range st.DoneRanges {
			set("done", d)
		}
		for _, f := range st.FailedRanges {
			set("failed", f.Range)
		}
		if got != want || st.Done != items {
			t.Fatalf("got  %v, %d counted\nwant %v, %d", got, st.Done, want, items)
		}
		if whole := x.left() == 0; whole != (st.Finished() == v1alpha1.BlockDone) {
			t.Fatalf("%d items are left, and it is finished as %q", x.left(), st.Finished())
		}
	})
}

// A report is answered by what it says; one that speaks of other items changes nothing.
func TestTurnReport(t *testing.T) {
	one := v1alpha1.Range{Index: 10, Size: 1}
	for name, c := range map[string]struct {
		before, report v1alpha1.Report
		want           v1alpha1.ReportStatus
		items          int64
		end            v1alpha1.BlockPhase
	}{
		"whole":              {report: v1alpha1.Report{}, want: v1alpha1.ReportAccepted, items: 5, end: v1alpha1.BlockDone},
		"the rest":           {before: v1alpha1.Report{Done: []v1alpha1.Range{one}}, report: v1alpha1.Report{}, want: v1alpha1.ReportAccepted, items: 4, end: v1alpha1.BlockDone},
		"a part":             {report: v1alpha1.Report{Done: []v1alpha1.Range{one}}, want: v1alpha1.ReportAccepted, items: 1},
		"again":              {before: v1alpha1.Report{Done: []v1alpha1.Range{one}}, report: v1alpha1.Report{Done: []v1alpha1.Range{one}}, want: v1alpha1.ReportDuplicate},
		"again, at the end":  {before: v1alpha1.Report{}, report: v1alpha1.Report{}, want: v1alpha1.ReportDuplicate, end: v1alpha1.BlockDone},
		"released":           {report: v1alpha1.Report{Release: true}, want: v1alpha1.ReportAccepted, end: v1alpha1.BlockReleased},
		"done after release": {before: v1alpha1.Report{Release: true}, report: v1alpha1.Report{}, want: v1alpha1.ReportFenced, end: v1alpha1.BlockReleased},
		"before":             {report: v1alpha1.Report{Done: []v1alpha1.Range{{Index: 9, Size: 2}}}, want: v1alpha1.ReportInvalid},
		"behind":             {report: v1alpha1.Report{Failed: []v1alpha1.FailedItems{{Range: v1alpha1.Range{Index: 14, Size: 2}}}}, want: v1alpha1.ReportInvalid},
		"nothing":            {report: v1alpha1.Report{Done: []v1alpha1.Range{{Index: 10}}}, want: v1alpha1.ReportInvalid},
		"found elsewhere":    {report: v1alpha1.Report{Done: []v1alpha1.Range{one}, Found: []v1alpha1.Found{{Index: 15}}}, want: v1alpha1.ReportInvalid},
	} {
		x := turn{whole: worklist.Range{Start: 10, End: 15}}
		if len(c.before.Done) > 0 || c.before.Release || strings.Contains(name, "at the end") {
			x.report(&c.before)
		}
		if rc := x.report(&c.report); rc.Status != c.want || rc.Items != c.items || x.end != c.end {
			t.Errorf("%s: %+v, end %q", name, rc, x.end)
		}
	}
}

// A block with more failures than a status holds is given back with as many as fit: so it gets on, turn by turn.
func TestTurnIsFull(t *testing.T) {
	x := turn{whole: worklist.Range{Start: 0, End: 1 << 20}}
	var r v1alpha1.Report
	for i := range int64(2 * mostFailed) {
		r.Failed = append(r.Failed, v1alpha1.FailedItems{Range: v1alpha1.Range{Index: 2 * i, Size: 1}, Reason: strings.Repeat("ä", 300)})
	}
	if rc := x.report(&r); rc.Status != v1alpha1.ReportFenced || x.end != v1alpha1.BlockReleased {
		t.Errorf("%+v, end %q", rc, x.end)
	}
	var st v1alpha1.BlockStatus
	x.write(&st, "w", time.Now())
	if n := len(st.FailedRanges); n != mostFailed || len(st.FailedRanges[0].Reason) > longReason {
		t.Errorf("%d failures, the first for %q", n, st.FailedRanges[0].Reason)
	}
}

// How long a turn took is what the tier says, or else the time since it began. What no worker can have taken, which the tier has from
// its workers, is not more than the API server takes.
func TestTurnElapsed(t *testing.T) {
	now := time.Now()
	for said, want := range map[float64]time.Duration{0: time.Minute, 2.5: 2500 * time.Millisecond, 1e300: longElapsed} {
		x := turn{whole: worklist.Range{Start: 0, End: 5}, since: now.Add(-time.Minute)}
		x.report(&v1alpha1.Report{ElapsedSeconds: said})
		var st v1alpha1.BlockStatus
		if x.write(&st, "w", now); *st.Elapsed != (metav1.Duration{Duration: want}) {
			t.Errorf("%v, want %v", st.Elapsed, want)
		}
	}
}

// A token is that of a Block, or refused.
func TestToken(t *testing.T) {
	x := token{"primes-1", "uid", "list", 7, worklist.Range{Start: 10, End: 20}}
	if y, err := parseToken(x.String()); err != nil || y != x {
		t.Errorf("%+v, %v", y, err)
	}
	for _, text := range []string{"", "a/b/c/1/2", "a/b/c/d/1/2", "a/b/c/1/2/3/4", "a b/c/d/1/2/3", "a/b/c/01/2/3"} {
		if _, err := parseToken(text); err == nil {
			t.Errorf("%q is taken for a token", text)
		}
	}
}
