package swarm

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
)

// What is decided must not change from one version to the next: workloads would move in every swarm at an upgrade, and
// servers of two versions would not agree. A change of the rules that is meant changes these digests, and the release notes
// say so.
func TestResultsArePinned(t *testing.T) {
	for _, c := range []struct {
		name  string
		shape shape
		want  string
	}{
		{"equal", shape{workloads: 300, workers: 12, draining: true}, "33b77ffd7050e3aa"},
		{"labels", shape{workloads: 100, workers: 12, labels: true, capacities: true, priorities: true}, "f960bbde8f879396"},
		{"weights", shape{workloads: 100, workers: 12, weights: 40, draining: true}, "893a79b1d7242e96"},
		{"anything", shape{workloads: 40, workers: 12, weights: 5, labels: true, capacities: true, exclusive: true, priorities: true, draining: true}, "ae257982bceb92f3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 2))
			digest := sha256.New()
			for range 100 {
				in := c.shape.pick(random)
				for range 3 { // a worker is lost each time
					r := in.assign(t)
					fmt.Fprintf(digest, "%+v\n", r)
					in.previous, in.workers = r.Table, in.workers[1:]
				}
			}
			if got := fmt.Sprintf("%x", digest.Sum(nil)[:8]); got != c.want {
				t.Errorf("the digest is %s, it was %s", got, c.want)
			}
		})
	}
}

// pick makes an instance as draw does, but the same ones for ever: rapid does not promise that.
func (s shape) pick(random *rand.Rand) instance {
	chance := func(possible bool, oneIn int) bool { return random.IntN(oneIn) == 0 && possible }
	values := []string{"a", "b"}
	var in instance
	for i := range s.workers {
		w := Worker{Name: fmt.Sprintf("w-%d", i), Draining: chance(s.draining, 5)}
		if s.labels {
			w.Labels = map[string]string{"zone": values[random.IntN(2)], "disk": values[random.IntN(2)]}
		}
		if chance(s.capacities, 2) {
			w.Capacity = random.Int64N(2*max(1, s.weights)*int64(s.workloads/s.workers)) + 1
		}
		in.workers = append(in.workers, w)
	}
	in.previous = make(Table, s.workers)
	for i := range s.workloads {
		w := Workload{Name: fmt.Sprintf("cam-%d", i), Weight: random.Int64N(s.weights + 1), Exclusive: chance(s.exclusive, 10)}
		if i < len(collide) {
			w.Name = collide[i]
		}
		if chance(s.labels, 2) {
			w.Require = map[string]string{"zone": values[random.IntN(2)]}
			if chance(true, 2) {
				w.Require["disk"] = values[random.IntN(2)]
			}
		}
		if s.priorities {
			w.Priority = random.Int32N(3)
		}
		in.workloads = append(in.workloads, w)
		part := &in.previous[random.IntN(s.workers)]
		part.Workloads = append(part.Workloads, w.Name)
	}
	for i := range in.previous {
		in.previous[i].Worker = in.workers[i].Name
	}
	return in
}

// collide are two names with the same hash.
var collide = [2]string{"8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"}

// Names are told apart even where their hashes are not.
func TestHashesMayCollide(t *testing.T) {
	if hash(collide[0]) != hash(collide[1]) {
		t.Fatal("these names do not collide")
	}
	in := instance{
		previous:  Table{{"a", []string{collide[0]}}, {"b", []string{collide[1]}}},
		workloads: []Workload{{Name: collide[1]}, {Name: collide[0]}},
		workers:   []Worker{{Name: "a"}, {Name: "b"}},
	}
	if r := in.assign(t); len(r.Moves) > 0 || fmt.Sprint(r.Table) != fmt.Sprint(in.previous) {
		t.Errorf("%v, want %v", r.Table, in.previous)
	}
	in.workloads = in.workloads[:1]
	if r := in.assign(t); len(r.Moves) > 0 || len(r.Table.Of("a")) > 0 || len(r.Table.Of("b")) != 1 {
		t.Errorf("only %s is left: %v", collide[1], r.Table)
	}
}
