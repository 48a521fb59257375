package swarm

import (
	"cmp"
	"slices"
)

// dedicate gives exclusive workloads workers of their own: as many as can have one, in order of rank, on the workers that
// others lose least by.
//
// What that costs, with n shared workloads of equal weight and no labels or capacities: if e workers are taken, the others
// have the quotas q and q+1 of n on m-e workers, whichever they are. A worker with c shared workloads would have kept
// min(c,q) of them, and one more if it were among those with q+1, so taking it costs that much, less one if it was an
// exclusive workload's already, which can stay. The q+1 go to r of the workers that have more than q; only taking more of
// them than can be spared costs one each, the same as the next dearer worker that has no more than q. The e cheapest, those
// with no more than q first, are therefore a best choice, and the moves remain minimal.
//
// With labels, capacities or weights the same order is followed as far as it goes, without that proof. Of equal costs the
// worker with fewer shared workloads comes first.
func (p *problem) dedicate() {
	if len(p.exclusive) == 0 {
		return
	}
	exclusive := slices.Clone(p.exclusive)
	p.sortByRank(exclusive)
	has := make([]int64, len(p.workers)) // shared workloads in the previous table
	for _, i := range p.shared {
		if w := p.owner[i]; w != none {
			has[w]++
		}
	}
	order := make([]int32, 0, p.live)
	for w := range p.workers {
		if !p.workers[w].Draining {
			order = append(order, int32(w))
		}
	}

	admitted := p.match(exclusive, order)
	was := slices.Repeat([]int32{none}, len(p.workers))
	for _, i := range admitted {
		if w := p.owner[i]; w != none && was[w] == none && p.mayHold(i, w) {
			was[w] = i
		}
	}
	quota := int64(len(p.shared)) / int64(max(1, len(order)-len(admitted)))
	cost := func(w int32) int64 {
		c := 2 * min(has[w], quota)
		if was[w] != none {
			c -= 2
		}
		if has[w] > quota {
			c++ // dearer than one with no more than the quota, cheaper than the next
		}
		return c
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(cost(a), cost(b)), cmp.Compare(has[a], has[b]), cmp.Compare(a, b))
	})

	for w := range p.held {
		p.held[w] = none
	}
	for _, w := range order[:len(admitted)] {
		p.held[w] = was[w] // stays
	}
	var rest []int32
	for _, i := range admitted {
		if w := p.owner[i]; w == none || p.held[w] != i {
			rest = append(rest, i)
		}
	}
	p.match(rest, order)
	for w, i := range p.held {
		if i != none {
			p.put(i, int32(w))
		}
	}
}

// mayHold tells whether the workload may have the worker for itself.
func (p *problem) mayHold(i, w int32) bool {
	return p.mayUse(i, w) && p.reserved[w] < int64(p.workloads[i].Priority)
}

// match gives each of the workloads, in their order, a worker for itself, moving earlier ones aside but never out, and
// preferring workers in the order given. It returns those that got one. (Augmenting paths, Kuhn 1955: taken in order of rank
// they find the most that can be matched, the highest ranks first, because what can be matched is a matroid. What one
// failed search has visited leads nowhere in later ones, either.)
func (p *problem) match(workloads, order []int32) (matched []int32) {
	visited := make([]bool, len(p.workers))
	var seen []int32
	var find func(i int32) bool
	find = func(i int32) bool {
		for _, w := range order {
			if p.held[w] == none && p.mayHold(i, w) {
				p.held[w] = i
				return true
			}
		}
		for _, w := range order {
			if visited[w] || !p.mayHold(i, w) {
				continue
			}
			visited[w] = true
			seen = append(seen, w)
			if find(p.held[w]) {
				p.held[w] = i
				return true
			}
		}
		return false
	}
	for _, i := range workloads {
		if find(i) {
			matched = append(matched, i)
			for _, w := range seen {
				visited[w] = false
			}
		}
		seen = seen[:0]
	}
	return matched
}

// giveWay finds the shared workloads that wait although an exclusive one of no higher priority has a worker that they may
// use, and reserves as many of those workers as they can fill. It tells whether there are any: then all has to be decided
// again. Reservations only grow, so that this ends. So that it ends soon in a large pool that is full, it can reserve what the
// others use already, too: the exclusive workload would only push them out, and the next one of these would wait.
func (p *problem) giveWay(all bool) bool {
	if !slices.ContainsFunc(p.held, func(i int32) bool { return i != none }) {
		return false
	}
	var waiting []int32
	for _, i := range p.shared {
		if p.at[i] == none {
			waiting = append(waiting, i)
		}
	}
	p.sortByRank(waiting)
	room := map[int32]int64{}                  // what is left on workers reserved just now
	last := make([]int32, len(p.kinds))        // the one used last for the kind
	swept := make([]bool, len(last))           // by kind: all that others use are reserved
	spent := make([]map[int64]bool, len(last)) // by kind: the weights that found none, of this priority or a higher one
	for k := range last {
		last[k] = none
	}
	for _, i := range waiting {
		k, units := p.kind[i], p.units[i]
		if w := last[k]; w != none && room[w] >= units {
			room[w] -= units
			continue
		}
		if spent[k][units] {
			continue
		}
		w := p.outranked(i, room)
		if w == none {
			if spent[k] == nil {
				spent[k] = map[int64]bool{}
			}
			spent[k][units] = true
			continue
		}
		capacity := p.workers[w].Capacity
		if capacity == 0 {
			capacity = MaxWeight
		}
		if _, ok := room[w]; !ok {
			room[w] = capacity
			p.reserve(w, i)
			if all && !swept[k] {
				swept[k] = true
				for _, other := range p.kinds[k].workers {
					if p.load[other] > 0 && p.held[other] == none {
						p.reserve(other, i)
					}
				}
			}
		}
		room[w] -= units
		last[k] = w
	}
	return len(room) > 0
}

// fillEmpty gives workers that were reserved for shared workloads, which then found room elsewhere, to exclusive ones.
func (p *problem) fillEmpty() {
	if p.proven {
		return // nothing was reserved
	}
	var waiting []int32
	for _, i := range p.exclusive {
		if p.at[i] == none {
			waiting = append(waiting, i)
		}
	}
	p.sortByRank(waiting)
	for _, i := range waiting {
		for _, w := range p.kinds[p.kind[i]].workers {
			if p.load[w] == 0 && p.mayUse(i, w) {
				p.held[w] = i
				p.put(i, w)
				break
			}
		}
	}
}

// reserve keeps a worker from exclusive workloads that do not outrank a shared one.
func (p *problem) reserve(w, i int32) {
	p.reserved[w] = max(p.reserved[w], int64(p.workloads[i].Priority))
}

// outranked is the worker of the lowest exclusive workload that must give way to a shared one; or one that has done so and
// has room left.
func (p *problem) outranked(i int32, room map[int32]int64) int32 {
	best := none
	for _, w := range p.kinds[p.kind[i]].workers {
		e := p.held[w]
		if e == none || p.workloads[e].Priority > p.workloads[i].Priority || !p.mayUse(i, w) {
			continue
		}
		if left, ok := room[w]; ok {
			if left >= p.units[i] {
				return w
			}
			continue
		}
		if best == none || p.byRank(e, p.held[best]) > 0 {
			best = w
		}
	}
	return best
}
