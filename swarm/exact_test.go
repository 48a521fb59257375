package swarm

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Equal weights, no constraints, many workloads: loads differ by one at most, and as many stay as can. What can is counted
// in the other way: a worker keeps at most its quota.
func TestEqualWeightsAreBalancedWithTheFewestMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := shape{workloads: 60, workers: 12, weights: 0, draining: true}.draw(t)
		v := look(t, in)
		everyTable(t, v)
		var pool []string
		for _, w := range v.workers {
			if !w.Draining {
				pool = append(pool, w.Name)
			}
		}
		if len(pool) == 0 {
			return
		}
		n, m := len(v.workloads), len(pool)
		had := map[string]int{}
		for _, w := range v.workloads {
			had[v.was[w.Name]]++
		}
		q, r := n/m, n%m
		stay := 0
		for _, name := range pool {
			if load := int(v.load[name]); load != q && load != q+1 {
				t.Fatalf("%s has %d of %d on %d workers", name, load, n, m)
			}
			stay += min(had[name], q)
			if had[name] > q && r > 0 {
				stay++
				r--
			}
		}
		there := 0
		for _, w := range v.workers {
			there += had[w.Name]
		}
		if got := there - len(v.Moves); got != stay || v.Least != len(v.Moves) {
			t.Fatalf("%d stay, %d could; %d moves, at least %d", got, stay, len(v.Moves), v.Least)
		}
	})
}

// table is what brute force has of an assignment: who runs, how uneven that is, and how many stay.
type score struct {
	runs     []int // by priority, the highest first
	uneven   int64
	kept     int
	assigned []string
}

func (s score) compare(o score) int {
	return cmp.Or(slices.Compare(o.runs, s.runs), cmp.Compare(s.uneven, o.uneven), cmp.Compare(o.kept, s.kept))
}

// best tries every assignment there is. With same set, only those that run exactly what the result runs.
func (v world) best(same bool) score {
	best, found := score{}, false
	at := make([]string, len(v.workloads))
	load := map[string]int64{}
	alone := map[string]bool{}
	var try func(i int)
	try = func(i int) {
		if i == len(v.workloads) {
			if s := v.score(at); !found || s.compare(best) < 0 {
				s.assigned = slices.Clone(at)
				best, found = s, true
			}
			return
		}
		w := v.workload[v.workloads[i].Name]
		if runs := v.is[w.Name] != ""; !same || !runs {
			at[i] = ""
			try(i + 1)
			if same {
				return
			}
		}
		for _, to := range v.workers {
			l := load[to.Name]
			if !v.may(w.Name, to.Name) || !to.holds(l+w.units()) || alone[to.Name] || w.Exclusive && l > 0 {
				continue
			}
			at[i] = to.Name
			load[to.Name] = l + w.units()
			alone[to.Name] = w.Exclusive
			try(i + 1)
			load[to.Name] = l
			alone[to.Name] = false
		}
	}
	try(0)
	return best
}

func (v world) score(at []string) score {
	s := score{runs: make([]int, 3)}
	load := map[string]int64{}
	for i, to := range at {
		w := v.workloads[i]
		if to == "" {
			continue
		}
		s.runs[1-w.Priority]++
		if !w.Exclusive {
			load[to] += w.units()
		}
		if v.was[w.Name] == to {
			s.kept++
		}
	}
	for _, l := range load {
		s.uneven += l * l
	}
	return s
}

func (v world) own() score {
	at := make([]string, len(v.workloads))
	for i, w := range v.workloads {
		at[i] = v.is[w.Name]
	}
	return v.score(at)
}

// Equal weights with labels, capacities and priorities: no table runs more, the most important first; none that runs the
// same is more even; and none of these moves less.
func TestEqualWeightsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := shape{workloads: 6, workers: 4, weights: 0, labels: true, capacities: true, priorities: true}.draw(t)
		unit := rapid.Int64Range(1, 3).Draw(t, "unit")
		for i := range in.workloads {
			in.workloads[i].Weight = unit
		}
		v := look(t, in)
		own := v.own()
		if best := v.best(false); slices.Compare(best.runs, own.runs) != 0 {
			t.Fatalf("%+v; better: %+v", own, best)
		}
		if best := v.best(true); best.compare(own) != 0 || v.Least != len(v.Moves) {
			t.Fatalf("%+v, %d moves, at least %d; better: %+v", own, len(v.Moves), v.Least, best)
		}
	})
}

// With labels on larger instances: no worker could be relieved by a chain of moves, which is what makes loads as even as
// they can be, and no ring of swaps keeps more. Both are looked for in the plainest way, workload by workload.
func TestLabelledPoolsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := shape{workloads: 40, workers: 9, weights: 0, labels: true}.draw(t)
		v := look(t, in)
		everyTable(t, v)
		// A residual graph of workers: an edge for every workload that could go from one to another, at what it costs in
		// workloads that stay.
		const far = 1 << 20
		m := len(v.workers)
		cost := make([][]int, m)
		for a := range cost {
			cost[a] = slices.Repeat([]int{far}, m)
		}
		for _, w := range v.workloads {
			a := slices.IndexFunc(v.workers, func(x Worker) bool { return x.Name == v.is[w.Name] })
			for b := range m {
				if a < 0 || a == b || !v.may(w.Name, v.workers[b].Name) {
					continue
				}
				c := 0
				if v.was[w.Name] == v.workers[a].Name {
					c++
				}
				if v.was[w.Name] == v.workers[b].Name {
					c--
				}
				cost[a][b] = min(cost[a][b], c)
			}
		}
		for k := range m {
			for a := range m {
				for b := range m {
					if cost[a][k] < far && cost[k][b] < far {
						cost[a][b] = min(cost[a][b], cost[a][k]+cost[k][b])
					}
				}
			}
		}
		for a := range m {
			if cost[a][a] < 0 {
				t.Fatalf("a ring of swaps through %s keeps more", v.workers[a].Name)
			}
			for b := range m {
				la, lb := v.load[v.workers[a].Name], v.load[v.workers[b].Name]
				if cost[a][b] < far && la >= lb+2 {
					t.Fatalf("%s with %d could relieve itself to %s with %d", v.workers[a].Name, la, v.workers[b].Name, lb)
				}
				if cost[a][b] < 0 && la == lb+1 {
					t.Fatalf("%s with %d and %s with %d could change places and keep more", v.workers[a].Name, la, v.workers[b].Name, lb)
				}
			}
		}
	})
}

// Exclusive workloads among others of equal weight: the total of moves is the least, too.
func TestExclusiveWorkloadsMoveTheLeast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := shape{workloads: 7, workers: 4, weights: 0, exclusive: true}.draw(t)
		v := look(t, in)
		exclusive := 0
		for _, w := range v.workloads {
			if w.Exclusive {
				exclusive++
			}
		}
		if exclusive >= len(v.workers) {
			return // some wait: who does is another law's subject
		}
		own := v.own()
		if best := v.best(true); best.compare(own) != 0 || v.Least != len(v.Moves) {
			t.Fatalf("%+v, %d moves, at least %d; better: %+v", own, len(v.Moves), v.Least, best)
		}
	})
}

// With weights every load is within the largest weight of the ideal, and what moves has a reason to.
func TestWeightsAreBalancedWithinTheLargest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := shape{workloads: 40, workers: 8, weights: rapid.SampledFrom([]int64{3, 10, 1000}).Draw(t, "heaviest"), draining: true}.draw(t)
		v := look(t, in)
		everyTable(t, v)
		total, largest, m := int64(0), int64(0), int64(0)
		for _, w := range v.workloads {
			total += w.units()
			largest = max(largest, w.units())
		}
		for _, w := range v.workers {
			if !w.Draining {
				m++
			}
		}
		for _, w := range v.workers {
			if w.Draining || m == 0 {
				continue
			}
			if off := v.load[w.Name]*m - total; off > largest*m || -off > largest*m {
				t.Fatalf("%s has %d of %d on %d workers, the largest is %d", w.Name, v.load[w.Name], total, m, largest)
			}
		}
	})
}

// With labels and capacities, too, nothing could go to a worker that is left with less, if one of the two is off the ideal.
func TestNoSingleMoveImproves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := shape{workloads: 30, workers: 8, weights: 9, labels: true, capacities: true, priorities: true}.draw(t)
		v := look(t, in)
		total, largest, m := int64(0), int64(0), int64(len(v.workers))
		for _, w := range v.workloads {
			if largest = max(largest, w.units()); v.is[w.Name] != "" {
				total += w.units()
			}
		}
		if m == 0 {
			return
		}
		slack := min(largest, total/m/10)
		for _, w := range v.workloads {
			from := v.is[w.Name]
			for _, to := range v.workers {
				if from == "" || from == to.Name || !v.may(w.Name, to.Name) || !to.holds(v.load[to.Name]+w.units()) {
					continue
				}
				if off := v.load[from] > total/m+slack || v.load[to.Name] < (total+m-1)/m-slack; off && v.load[to.Name]+w.units() < v.load[from] {
					t.Fatalf("%s could go from %s (%d) to %s (%d)", w.Name, from, v.load[from], to.Name, v.load[to.Name])
				}
			}
		}
	})
}

// k8s-swarm's example: 26 streams on 2 workers, scaled to 3 and back. A contiguous partition moves more than half of them.
func TestScalingUpAndDownMovesTheMinimum(t *testing.T) {
	in := instance{}
	for c := 'a'; c <= 'z'; c++ {
		in.workloads = append(in.workloads, Workload{Name: fmt.Sprintf("cctv-%c", c)})
	}
	for _, step := range []struct{ workers, moves int }{{2, 0}, {3, 8}, {2, 0}, {4, 12}} {
		in.workers = nil
		for i := range step.workers {
			in.workers = append(in.workers, Worker{Name: fmt.Sprintf("swarm-%d", i)})
		}
		r := in.assign(t)
		if len(r.Moves) != step.moves || r.Least != step.moves {
			t.Errorf("on %d workers: %d moves, at least %d; want %d", step.workers, len(r.Moves), r.Least, step.moves)
		}
		in.previous = r.Table
	}
}
