package main

import (
	"slices"
	"testing"
)

// TestPool looks at the pool in the scenarios: it must be the same for all strategies, and one that can be assigned.
func TestPool(t *testing.T) {
	for _, at := range smallSizes {
		p, again := newPool(at.workloads, at.workers), newPool(at.workloads, at.workers)
		for _, s := range scenarios {
			s.change(p)
			s.change(again)
		}
		for range at.churn {
			p.churn()
			again.churn()
			if !slices.Equal(p.workloads, again.workloads) || !slices.Equal(p.workers, again.workers) {
				t.Fatalf("%v: it is not the same the second time", at)
			}
			if len(p.workloads) != at.workloads || len(p.workers) < (at.workers+1)/2 {
				t.Fatalf("%v: %d workloads on %d workers", at, len(p.workloads), len(p.workers))
			}
			for _, names := range [][]string{p.workloads, p.workers} {
				if distinct := slices.Compact(slices.Sorted(slices.Values(names))); len(distinct) < len(names) {
					t.Fatalf("%v: a name is there twice in %v", at, names)
				}
			}
		}
	}
}
