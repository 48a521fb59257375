package schedule

import (
	"fmt"
	"testing"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
)

// A decision where nothing has changed, and one after a node is lost.
func BenchmarkDecide(b *testing.B) {
	for _, size := range []struct{ nodes, jobs, each int }{{50, 100, 5}, {50, 500, 5}, {50, 5, 500}, {1000, 2000, 5}} {
		now := time.Unix(1e9, 0)
		var s State
		for i := range size.nodes {
			n := fmt.Sprintf("n%d", i)
			s.Nodes = append(s.Nodes, Node{Name: n, Incarnation: n + "/1", Capacity: placement.Resources{Memory: 64e9, Disk: 1e12, CPU: 64000}})
		}
		for i := range size.jobs {
			j := job.Job{Name: fmt.Sprintf("j%d", i), NumInstances: new(size.each), Containers: map[string]job.Container{"main": {Image: "v", Memory: 512e6}}}.Default()
			s = s.Put(fmt.Sprintf("u%d", i), j)
		}
		for range 3 {
			d, err := Decide(s, now)
			if err != nil {
				b.Fatal(err)
			}
			s.Version = d.Version
			for name, plan := range d.Plans {
				s.Node(name).Plan = plan
			}
			for _, j := range d.Jobs {
				*s.Job(j.UID) = j
			}
			for i := range s.Nodes {
				n := &s.Nodes[i]
				n.Report = Report{Plan: n.Plan.Version, Instances: map[Instance]Condition{}}
				for _, p := range n.Plan.Instances {
					n.Report.Instances[p.Instance] = Condition{Epoch: p.Epoch, Revision: p.Revision, Phase: Running, Healthy: true, Settled: true}
				}
			}
		}
		b.Run(fmt.Sprintf("nodes=%d/instances=%d/jobs=%d/quiet", size.nodes, size.jobs*size.each, size.jobs), func(b *testing.B) {
			for b.Loop() {
				if _, err := Decide(s, now); err != nil {
					b.Fatal(err)
				}
			}
		})
		lost := s
		lost.Nodes = append([]Node(nil), s.Nodes...)
		lost.Nodes[0].Incarnation = ""
		b.Run(fmt.Sprintf("nodes=%d/instances=%d/jobs=%d/lost", size.nodes, size.jobs*size.each, size.jobs), func(b *testing.B) {
			for b.Loop() {
				if _, err := Decide(lost, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
