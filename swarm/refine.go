package swarm

import (
	"math"
	"slices"
)

// patience bounds the search for fewer moves, in looks at a worker and a pair of kinds: about half a second.
const patience = 1 << 27

// refine lowers the number of moves, without changing how even the loads are, until there are no fewer. It tells whether
// it got there.
//
// The tables are the flows from kinds through workers, and the number kept is a concave function of each flow from a kind
// to a worker: one for each workload up to those it had, nothing beyond. A flow of that sort has the least cost exactly if
// no cycle of changes lowers it (Klein 1967). Such a cycle is a ring of swaps: a workload of one kind comes to a worker and
// pushes out one of another kind, which goes to another worker, and so on. In addition a ring may pass through a level: a
// worker with L workloads gets one more, and one with L+1 gives one up, which leaves the loads as even as they were. So
// the graph has one node for each kind ("one of these is in hand") and for each level ("a worker has grown from L to L+1"),
// and an edge is the best worker for that step: few nodes however many workers there are. Each ring that is found keeps at
// least one workload more.
func (e *even) refine() bool {
	if e.kinds == 1 {
		return true // see fill
	}
	for work := 0; work < patience; {
		g := e.graph()
		work += len(e.p.workers)*e.kinds*e.kinds + g.n*g.n*g.n
		ring := g.negativeCycle()
		if ring == nil {
			return true
		}
		for i, from := range ring {
			to := ring[(i+1)%len(ring)]
			w := g.edge(from, to).worker
			if from < e.kinds {
				e.has[e.at(from, w)]++
			} else {
				e.count[w]-- // gives one up, and gets none
			}
			if to < e.kinds {
				e.has[e.at(to, w)]--
			} else {
				e.count[w]++
			}
		}
	}
	return false
}

// swaps is the graph that refine searches.
type swaps struct {
	n     int
	edges []swap // from*n+to
}

// swap is a step: the cost in workloads that are not kept, and the worker it takes place on.
type swap struct {
	cost   int
	worker int32
}

const absent = math.MaxInt32

func (g *swaps) edge(from, to int) *swap { return &g.edges[from*g.n+to] }

func (g *swaps) offer(from, to, cost int, w int32) {
	if s := g.edge(from, to); from != to && cost < s.cost {
		*s = swap{cost, w}
	}
}

// graph finds the best step between any two nodes: the kinds, then the levels.
func (e *even) graph() *swaps {
	var takes, gives []int64 // levels that a worker could leave upwards, and could come down to
	for _, b := range e.basins.all {
		for i, w := range b.workers {
			if e.count[w] < b.slots[i] {
				takes = append(takes, e.count[w])
			}
			if e.count[w] > 0 {
				gives = append(gives, e.count[w]-1)
			}
		}
	}
	slices.Sort(takes)
	slices.Sort(gives)
	gives = slices.Compact(gives)
	levels := slices.DeleteFunc(slices.Compact(takes), func(l int64) bool {
		_, ok := slices.BinarySearch(gives, l)
		return !ok
	})
	node := func(level int64) int {
		if i, ok := slices.BinarySearch(levels, level); ok {
			return e.kinds + i
		}
		return -1
	}

	g := &swaps{n: e.kinds + len(levels)}
	g.edges = slices.Repeat([]swap{{cost: absent, worker: none}}, g.n*g.n)
	for b := range e.basins.all {
		var open []int
		for k := range e.kinds {
			if slices.Contains(e.basins.open[k], b) {
				open = append(open, k)
			}
		}
		for _, w := range e.basins.all[b].workers {
			up, down := -1, node(e.count[w]-1)
			if e.count[w] < e.slots[w] {
				up = node(e.count[w])
			}
			for _, in := range open {
				gain := 0
				if cell := e.at(in, w); e.has[cell] < e.had[cell] {
					gain = -1
				}
				if up >= 0 {
					g.offer(in, up, gain, w)
				}
				for _, out := range open {
					if cell := e.at(out, w); e.has[cell] > 0 {
						g.offer(in, out, gain+loss(e.has[cell], e.had[cell]), w)
					}
				}
				if cell := e.at(in, w); down >= 0 && e.has[cell] > 0 {
					g.offer(down, in, loss(e.has[cell], e.had[cell]), w)
				}
			}
		}
	}
	return g
}

// loss is what it costs to take one away: a workload that would be kept, unless there are more than there were.
func loss(has, had int32) int {
	if has <= had {
		return 1
	}
	return 0
}

// negativeCycle is a ring of nodes whose steps cost less than nothing, or nil if there is none (Bellman 1958, Ford 1956).
func (g *swaps) negativeCycle() []int {
	distance, before := make([]int, g.n), slices.Repeat([]int{-1}, g.n)
	last := -1
	for range g.n + 1 {
		last = -1
		for from := range g.n {
			for to := range g.n {
				if s := g.edge(from, to); s.cost != absent && distance[from]+s.cost < distance[to] {
					distance[to] = distance[from] + s.cost
					before[to] = from
					last = to
				}
			}
		}
		if last < 0 {
			return nil
		}
	}
	for range g.n { // back into the cycle
		last = before[last]
	}
	ring := []int{last}
	for at := before[last]; at != last; at = before[at] {
		ring = append(ring, at)
	}
	slices.Reverse(ring)
	return ring
}
