package swarm

import (
	"slices"
	"strings"
)

// Result is what [Assign] decides.
type Result struct {
	Table   Table
	Loads   []int64 // of the parts of Table: the sums of their weights
	Ideal   float64 // what each worker that shares would have if workloads could be cut: their load over their number
	Waiting []Wait  // in order of name
	Moves   []Move  // in order of workload

	// Least bounds the moves from below: no table that is as good as this one makes fewer. Where it equals len(Moves), the
	// moves are proven to be the minimum.
	Least int
}

// Move is a workload that had a worker which is still there, and has it no longer. What is new, or was on a worker that is
// gone, does not move: there is nothing to take it from.
type Move struct {
	Workload string
	From     string
	To       string // "": it waits
}

// result turns the decision, which is in numbers, back into names.
func (p *problem) result() Result {
	r := Result{Table: p.table(), Loads: p.load, Least: -1}
	forced := 0
	obstacles := map[int32]*obstacle{}
	for i, to := range p.at {
		if to == none || p.workers[to].Draining {
			k := p.kind[i]
			if obstacles[k] == nil {
				obstacles[k] = p.obstacle(k)
			}
			r.Waiting = append(r.Waiting, p.explain(int32(i), obstacles[k]))
		}
		from := p.owner[i]
		if from == none || from == to {
			continue
		}
		move := Move{Workload: p.workloads[i].Name, From: p.workers[from].Name}
		if to != none {
			move.To = p.workers[to].Name
		}
		r.Moves = append(r.Moves, move)
		if !p.mayUse(int32(i), from) {
			forced++
		}
	}
	slices.SortFunc(r.Waiting, func(a, b Wait) int { return strings.Compare(a.Workload, b.Workload) })
	slices.SortFunc(r.Moves, func(a, b Move) int { return strings.Compare(a.Workload, b.Workload) })
	r.Least = forced
	if p.minimal {
		r.Least = len(r.Moves)
	}
	if load, workers := p.sharedLoad(); workers > 0 {
		r.Ideal = float64(load) / float64(workers)
	}
	return r
}

// table lists each worker's workloads. Where a worker keeps exactly what it had, its part of the previous table is used
// again: after a small change nearly nothing is sorted.
func (p *problem) table() Table {
	has, kept := make([]int, len(p.workers)), make([]int, len(p.workers))
	for i, w := range p.at {
		if w == none {
			continue
		}
		has[w]++
		if p.owner[i] == w {
			kept[w]++
		}
	}
	t := make(Table, len(p.workers))
	same := make([]bool, len(p.workers))
	for w := range t {
		t[w].Worker = p.workers[w].Name
		before := p.before[w]
		if same[w] = has[w] == kept[w] && has[w] == len(before); same[w] {
			t[w].Workloads = slices.Clip(before)
		} else {
			t[w].Workloads = make([]string, 0, has[w])
		}
	}
	for i, w := range p.at {
		if w != none && !same[w] {
			t[w].Workloads = append(t[w].Workloads, p.workloads[i].Name)
		}
	}
	for w := range t {
		if !same[w] {
			slices.Sort(t[w].Workloads)
		}
	}
	return t
}
