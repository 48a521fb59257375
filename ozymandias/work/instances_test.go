package work

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

func in(phase v1alpha1.Phase) []metav1.Condition {
	return []metav1.Condition{{Type: v1alpha1.ConditionComplete, Reason: string(phase)}}
}

func TestInstances(t *testing.T) {
	fixed := v1alpha1.BlockPolicy{Size: 100}
	aimed := v1alpha1.BlockPolicy{Target: &metav1.Duration{Duration: 20 * time.Second}}
	ten := resource.MustParse("10")
	for name, c := range map[string]struct {
		block  v1alpha1.BlockPolicy
		status v1alpha1.WorklistStatus
		want   int64
		over   bool
	}{
		"one for each block":         {fixed, v1alpha1.WorklistStatus{Conditions: in(v1alpha1.PhaseActive), Size: 1001}, 11, false},
		"also for those that go out": {fixed, v1alpha1.WorklistStatus{Conditions: in(v1alpha1.PhaseActive), Size: 1000, Done: 300, Leased: 200, BlocksOut: 2}, 7, false},
		"the last block is out":      {fixed, v1alpha1.WorklistStatus{Conditions: in(v1alpha1.PhaseActive), Size: 1000, Done: 990, Leased: 10, BlocksOut: 1}, 1, false},
		"one begins":                 {aimed, v1alpha1.WorklistStatus{Conditions: in(v1alpha1.PhaseActive), Size: 1000}, 1, false},
		"blocks of a duration":       {aimed, v1alpha1.WorklistStatus{Conditions: in(v1alpha1.PhaseActive), Size: 1000, ItemsPerSecond: &ten, Workers: 2}, 10, false},
		"none smaller than allowed": {v1alpha1.BlockPolicy{MinSize: 500}, v1alpha1.WorklistStatus{Conditions: in(v1alpha1.PhaseActive), Size: 1000, ItemsPerSecond: &ten, Workers: 2},
			2, false},
		"none larger than allowed": {v1alpha1.BlockPolicy{MaxSize: 10}, v1alpha1.WorklistStatus{Conditions: in(v1alpha1.PhaseActive), Size: 1000, ItemsPerSecond: &ten, Workers: 2},
			100, false},
		"held back":             {fixed, v1alpha1.WorklistStatus{Conditions: in(v1alpha1.PhaseSuspended), Size: 1000, BlocksOut: 2, Leased: 200}, 2, false},
		"comes after another":   {fixed, v1alpha1.WorklistStatus{Conditions: in(v1alpha1.PhaseWaiting), Size: 1000}, 0, false},
		"complete":              {fixed, v1alpha1.WorklistStatus{Conditions: in(v1alpha1.PhaseComplete), Size: 1000, Done: 1000}, 0, true},
		"failed":                {fixed, v1alpha1.WorklistStatus{Conditions: in(v1alpha1.PhaseFailed), Size: 1000, Done: 10, Failed: 500}, 0, true},
		"cancelled":             {fixed, v1alpha1.WorklistStatus{Conditions: in(v1alpha1.PhaseCancelled), Size: 1000}, 0, true},
		"as large as lists are": {fixed, v1alpha1.WorklistStatus{Conditions: in(v1alpha1.PhaseActive), Size: 1<<53 - 1}, 90071992547410, false},
	} {
		t.Run(name, func(t *testing.T) {
			n, over := Instances(&v1alpha1.Worklist{Spec: v1alpha1.WorklistSpec{Block: c.block}, Status: c.status})
			if n != c.want || over != c.over {
				t.Errorf("%d, over: %t; want %d, %t", n, over, c.want, c.over)
			}
		})
	}
}

func TestTrouble(t *testing.T) {
	for phase, want := range map[v1alpha1.Phase]string{
		v1alpha1.PhaseActive:    "",
		v1alpha1.PhaseComplete:  "",
		v1alpha1.PhaseSuspended: "worklist primes is Suspended: as it was said",
		v1alpha1.PhaseFailed:    "worklist primes is Failed: as it was said",
	} {
		list := &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Name: "primes"}}
		list.Status.SetPhase(phase, "as it was said", metav1.Time{})
		if got := trouble(list); got != want {
			t.Errorf("%s: %q, not %q", phase, got, want)
		}
	}
}

func TestOrdinal(t *testing.T) {
	for worker, want := range map[string]int{
		"primes-0": 0, "primes-12": 12, "primes-3-1-ABCDE": 3,
		"primes": -1, "primes-": -1, "primes-x": -1, "more-primes-1": -1, "prime-1": -1, "laptop-4711-ABCDE": -1,
	} {
		n, ok := ordinal("primes", worker)
		if !ok {
			n = -1
		}
		if n != want {
			t.Errorf("worker %s is instance %d, not %d", worker, n, want)
		}
	}
}
