package swarm

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// With more different requirements than are counted the rules hold all the same, and loads are within one of each other.
func TestManyKinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := shape{workers: 5}.draw(t)
		for i := range in.workers {
			in.workers[i].Labels = map[string]string{"pool": "x"}
			for k := range 2 * maxKinds {
				in.workers[i].Labels[fmt.Sprintf("k%d", k)] = "yes"
			}
		}
		for i := range rapid.IntRange(maxKinds+1, 2*maxKinds).Draw(t, "kinds") {
			in.workloads = append(in.workloads, Workload{Name: fmt.Sprintf("cam-%d", i), Require: map[string]string{fmt.Sprintf("k%d", i): "yes", "pool": "x"}})
		}
		v := look(t, in)
		everyTable(t, v)
		for _, a := range v.workers {
			for _, b := range v.workers {
				if v.load[a.Name] > v.load[b.Name]+1 {
					t.Fatalf("%s has %d, %s %d", a.Name, v.load[a.Name], b.Name, v.load[b.Name])
				}
			}
		}
	})
}
