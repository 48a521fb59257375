package schedule

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
)

// Nodes join, and their loads go up and down. Law: what is moved for memory makes the sum of squares smaller, and what is moved for load is
// moved so once. So it comes to an end, also while loads change.
func TestBalanceSettles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t.Fatalf)
		size := func(name string) int64 { return int64(rapid.IntRange(4, 16).Draw(t, name)) * 1e9 }
		w.boot("n0")
		w.Node("n0").Capacity = placement.Resources{Memory: 64e9, Disk: 1e11, CPU: 64000}
		for i := range rapid.IntRange(1, 4).Draw(t, "jobs") {
			n := rapid.IntRange(1, 5).Draw(t, "instances")
			c := job.Container{Image: "v1", Memory: job.Size(rapid.IntRange(1, 3).Draw(t, "memory")) * 1e9}
			spec := job.Job{Name: fmt.Sprint("job", i), NumInstances: &n, Containers: map[string]job.Container{"main": c}}
			w.State = w.Put(spec.Name, spec.Default())
		}
		w.settle()
		for i := range rapid.IntRange(1, 4).Draw(t, "nodes") {
			name := fmt.Sprint("n", i+1)
			w.boot(name)
			w.Node(name).Capacity = placement.Resources{Memory: size("capacity"), Disk: 1e11, CPU: 64000}
		}
		potential := func() (sum float64) {
			planned := map[string]float64{}
			for i := range w.Nodes {
				n := &w.Nodes[i]
				for _, p := range n.Plan.Instances {
					planned[n.Name] += float64(w.Spec(p.Job, p.Revision).Needs().Memory)
				}
				sum += planned[n.Name] * planned[n.Name] / float64(n.Capacity.Memory)
			}
			return sum
		}
		eased, quiet := map[Instance]bool{}, 0
		for round := 0; quiet < 3; round++ {
			if round > 200 {
				t.Fatal("no end")
			}
			if round < 20 {
				for i := range w.Nodes {
					w.Nodes[i].Load = rapid.SampledFrom([]float64{0.2, 0.9, 2}).Draw(t, "load")
				}
			}
			w.now = w.now.Add(10 * time.Minute)
			before := potential()
			d, _ := w.decide(w.current())
			if len(d.Events) > ease {
				t.Fatalf("at once: %v", w.words(d))
			}
			fresh := 0
			for _, plan := range d.Plans {
				for _, p := range plan.Instances {
					if p.Eased && !eased[p.Instance] {
						eased[p.Instance] = true
						fresh++
					}
				}
			}
			if fresh == 0 && d.Changed() && potential() >= before {
				t.Fatalf("%v helps nothing: %f, and was %f", w.words(d), potential(), before)
			}
			if quiet++; d.Changed() {
				quiet = 0
			}
			w.work()
			w.work()
		}
	})
}

// A node with many jobs is drained a few instances at a time, and the next ones go as soon as those have begun elsewhere.
func TestDrainsAFewAtOnce(t *testing.T) {
	w := newWorld(t.Fatalf)
	w.boot("n1")
	w.Node("n1").Capacity = placement.Resources{Memory: 1e12, Disk: 1e12, CPU: 64000}
	const jobs = 40
	for i := range jobs {
		spec := job.Job{Name: fmt.Sprint("job", i), Containers: map[string]job.Container{"main": {Image: "v1", Memory: 1e9}}}
		w.State = w.Put(spec.Name, spec.Default())
	}
	w.settle()
	w.boot("n2")
	w.Node("n2").Capacity = w.Node("n1").Capacity
	w.drain("n1", true)
	for left := jobs; left > 0; left -= movesAtOnce {
		d, _ := w.decide(w.current())
		if got := len(w.Node("n1").Plan.Instances); got != max(0, left-movesAtOnce) {
			t.Fatalf("%d are left of %d, after %v", got, left, w.words(d))
		}
		w.work()
	}
}
