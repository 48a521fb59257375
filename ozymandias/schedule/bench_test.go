package schedule

import (
	"fmt"
	"testing"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
)

// settled is a state of so many nodes on which so many jobs run, all of them well.
func settled(b *testing.B, nodes int, memory int64, jobs, each int, now time.Time) State {
	b.Helper()
	var s State
	for i := range nodes {
		name := fmt.Sprintf("n%d", i)
		s.Nodes = append(s.Nodes, Node{Name: name, Incarnation: name + "/1", Capacity: placement.Resources{Memory: memory, Disk: 1e12, CPU: 64000}})
	}
	for i := range jobs {
		s = s.Put(fmt.Sprintf("u%d", i), benchJob(i, each, 500e6))
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
	return s
}

func benchJob(i, each int, memory job.Size) job.Job {
	return job.Job{Name: fmt.Sprintf("j%d", i), NumInstances: new(each), Update: job.Update{Order: job.StopFirst},
		Containers: map[string]job.Container{"main": {Image: "v", Memory: memory}}}.Default()
}

// decides makes one decision after the other, from the same state.
func decides(b *testing.B, s State, now time.Time) {
	for b.Loop() {
		if _, err := Decide(s, now); err != nil {
			b.Fatal(err)
		}
	}
}

// A decision where nothing has changed, and one after a node is lost.
func BenchmarkDecide(b *testing.B) {
	for _, size := range []struct{ nodes, jobs, each int }{{50, 100, 5}, {50, 500, 5}, {50, 5, 500}, {1000, 2000, 5}} {
		now := time.Unix(1e9, 0)
		s := settled(b, size.nodes, 64e9, size.jobs, size.each, now)
		lost := s
		lost.Nodes = append([]Node(nil), s.Nodes...)
		lost.Nodes[0].Incarnation = ""
		for what, s := range map[string]State{"quiet": s, "lost": lost} {
			b.Run(fmt.Sprintf("nodes=%d/instances=%d/jobs=%d/%s", size.nodes, size.jobs*size.each, size.jobs, what), func(b *testing.B) { decides(b, s, now) })
		}
	}
}

// A decision on a job that is to have more memory than there is.
func BenchmarkDecideWithoutRoom(b *testing.B) {
	for _, each := range []int{200, 800} {
		now := time.Unix(1e9, 0)
		s := settled(b, 20, int64(each)/20*500e6, 1, each, now).Put("", benchJob(0, each, 600e6))
		b.Run(fmt.Sprintf("nodes=20/instances=%d", each), func(b *testing.B) { decides(b, s, now) })
	}
}

// A decision while nodes are drained that are full, and there is almost room for one instance more on each of the others.
func BenchmarkDrainWithoutRoom(b *testing.B) {
	for _, nodes := range []int{10, 50} {
		now := time.Unix(1e9, 0)
		s := settled(b, nodes, 20*500e6+450e6, 20*nodes, 1, now)
		for i := range nodes / 2 {
			s.Nodes[i].Draining = true
		}
		b.Run(fmt.Sprintf("nodes=%d/instances=%d", nodes, 20*nodes), func(b *testing.B) { decides(b, s, now) })
	}
}
