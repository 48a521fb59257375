package plan

import (
	"fmt"
	"testing"
	"time"

	"teamtask.dev/swarm"
)

// BenchmarkDecide is a decision about a million workloads on a thousand workers, one of which has just gone.
func BenchmarkDecide(b *testing.B) {
	s := Situation{Now: time.Unix(1e9, 0)}
	for i := range 1_000_000 {
		s.Workloads = append(s.Workloads, swarm.Workload{Name: fmt.Sprintf("stream-%07d", i)})
	}
	for i := range 1000 {
		s.Workers = append(s.Workers, Worker{Name: fmt.Sprintf("worker-%04d", i), Incarnation: "i"})
	}
	for d := (Decision{Step: Decide(s).Step}); d.Changed; d = Decide(s) {
		s.Record = d.Record
	}
	s.Workers[0].Draining = true
	b.ReportAllocs()
	for b.Loop() {
		if d := Decide(s); len(d.Revoked) != 1000 {
			b.Fatalf("%d are revoked", len(d.Revoked))
		}
	}
}
