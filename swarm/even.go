package swarm

import (
	"cmp"
	"slices"
)

// even shares out workloads of equal weight. They differ only in their kind, so it counts them, and looks at names only at
// the end.
type even struct {
	p      *problem
	shared []int32 // the workloads
	weight int64   // of each
	kinds  int
	index  []int    // by kind of the problem: its number here
	mask   []uint32 // by worker: which kinds it may have
	slots  []int64  // by worker: how many workloads it takes
	basins *basins

	// By kind and worker, at kind*workers+worker: how many it had of those that run, and how many it is to have.
	had, has []int32
	count    []int64 // by worker: how many it is to have in all
}

// shareEvenly assigns workloads of equal weight and tells whether the moves are proven to be the fewest.
func (p *problem) shareEvenly(used []bool) bool {
	e := &even{p: p, shared: p.shared, weight: p.units[p.shared[0]], index: make([]int, len(p.kinds))}
	for k := range used {
		if used[k] {
			e.index[k] = e.kinds
			e.kinds++
		}
	}
	e.findBasins(used)
	if len(e.basins.all) == 0 {
		return true
	}
	e.admit()
	e.countOwned()
	e.keep()
	e.basins.balance()
	for b := range e.basins.all {
		e.fill(b)
	}
	minimal := e.refine()
	e.name()
	return minimal
}

// at is where the counts of a kind and worker are.
func (e *even) at(kind int, w int32) int { return kind*len(e.p.workers) + int(w) }

// kindOf is the kind of a workload.
func (e *even) kindOf(i int32) int { return e.index[e.p.kind[i]] }

// findBasins puts the workers that may have the same kinds together.
func (e *even) findBasins(used []bool) {
	p := e.p
	e.mask = make([]uint32, len(p.workers))
	for k := range p.kinds {
		if !used[k] {
			continue
		}
		for _, w := range p.kinds[k].workers {
			if p.held[w] == none {
				e.mask[w] |= 1 << e.index[k]
			}
		}
	}
	e.slots = make([]int64, len(p.workers))
	of := map[uint32]int{}
	var all []basin
	open := make([][]int, e.kinds)
	for w, m := range e.mask {
		if m == 0 {
			continue
		}
		b, ok := of[m]
		if !ok {
			b = len(all)
			of[m] = b
			all = append(all, basin{})
			for k := range open {
				if m>>k&1 == 1 {
					open[k] = append(open[k], b)
				}
			}
		}
		e.slots[w] = int64(len(e.shared))
		if c := p.workers[w].Capacity; c > 0 {
			e.slots[w] = min(e.slots[w], c/e.weight)
		}
		all[b].workers = append(all[b].workers, int32(w))
		all[b].slots = append(all[b].slots, e.slots[w])
	}
	for b := range all {
		all[b].seal()
	}
	e.basins = newBasins(all, open)
}

// admit leaves out the workloads that there is no room for, the lowest in rank. Sets of workloads that fit together are a
// matroid (transversal), in which taking whatever still fits in order of rank finds the most important set, and the largest.
func (e *even) admit() {
	demand := make([]int64, e.kinds)
	for _, i := range e.shared {
		demand[e.kindOf(i)]++
	}
	trial := newBasins(slices.Clone(e.basins.all), e.basins.open)
	fits := true
	for k, n := range demand {
		fits = trial.add(k, n) == n && fits
	}
	if fits {
		return
	}
	trial = newBasins(slices.Clone(e.basins.all), e.basins.open)
	e.shared = slices.Clone(e.shared)
	e.p.sortByRank(e.shared)
	closed := make([]bool, e.kinds)
	admitted := e.shared[:0]
	for _, i := range e.shared {
		k := e.kindOf(i)
		if !closed[k] && trial.add(k, 1) == 1 {
			admitted = append(admitted, i)
		} else {
			closed[k] = true // what does not fit now never will
		}
	}
	e.shared = admitted
}

// countOwned counts what the workers had, as far as they may have it still.
func (e *even) countOwned() {
	e.had = make([]int32, e.kinds*len(e.p.workers))
	for _, i := range e.shared {
		if w := e.p.owner[i]; e.mayStay(i, w) {
			e.had[e.at(e.kindOf(i), w)]++
		}
	}
}

func (e *even) mayStay(i, w int32) bool {
	return w != none && e.slots[w] > 0 && e.mask[w]>>e.kindOf(i)&1 == 1
}

// keep lets everything stay in the basin where it was, as far as there is room, and adds the rest, those kinds first that
// have the fewest workers to go to.
func (e *even) keep() {
	left := make([]int64, e.kinds)
	for _, i := range e.shared {
		left[e.kindOf(i)]++
	}
	s := e.basins
	for b := range s.all {
		basin := &s.all[b]
		for i, w := range basin.workers {
			room := basin.slots[i]
			for k := range e.kinds {
				stay := min(room, int64(e.had[e.at(k, w)]))
				room -= stay
				left[k] -= stay
				s.y[k][b] += stay
				basin.n += stay
			}
		}
	}
	order := make([]int, e.kinds)
	width := make([]int, e.kinds)
	for k := range order {
		order[k] = k
		for _, b := range s.open[k] {
			width[k] += len(s.all[b].workers)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(width[a], width[b]) })
	for _, k := range order {
		s.add(k, left[k])
	}
}

// fill decides how many of each kind every worker in a basin has.
//
// With one kind that is the table with the fewest moves. Let worker w have had c(w) workloads, and let it have a quota of
// them now. It keeps at most min(c(w), quota(w)) of what it had, so that no table with these quotas keeps more than the sum
// of that; and this one keeps as much, because only what is over the quota leaves, and gaps are filled with that and with
// what had no worker. All balanced tables have the same quotas but for the choice of those workers that have one more than
// the level q (of those with room for it). To have q+1 instead of q lets a worker keep one more exactly if c(w) > q. So as
// many of these as there can be are chosen, and no other choice keeps more: the number of moves, which is all that had a
// worker less what is kept, is the least.
//
// With several kinds it is a good start for refine.
func (e *even) fill(b int) {
	basin := &e.basins.all[b]
	if e.count == nil {
		e.count = make([]int64, len(e.p.workers))
		e.has = make([]int32, len(e.had))
	}
	owned := func(w int32) (n int64) {
		for k := range e.kinds {
			n += int64(e.had[e.at(k, w)])
		}
		return n
	}
	q := basin.next()
	extra := int64(0)
	if q < brim {
		extra = basin.n - basin.volume(q)
	}
	for _, gains := range []bool{true, false} {
		for i, w := range basin.workers {
			if gains {
				e.count[w] = min(q, basin.slots[i])
			}
			if extra > 0 && basin.slots[i] > q && (owned(w) > q) == gains {
				e.count[w] = q + 1
				extra--
			}
		}
	}

	// What is over leaves: of kinds that the basin has too many of, if there are.
	left, surplus := make([]int64, e.kinds), make([]int64, e.kinds)
	for k := range e.kinds {
		left[k] = e.basins.y[k][b]
		surplus[k] = -left[k]
		for _, w := range basin.workers {
			n := e.had[e.at(k, w)]
			e.has[e.at(k, w)] = n
			surplus[k] += int64(n)
		}
	}
	shed := func(k int, w int32, n int64) {
		n = min(n, int64(e.has[e.at(k, w)]))
		e.has[e.at(k, w)] -= int32(n)
		surplus[k] -= n
	}
	for _, w := range basin.workers {
		over := owned(w) - e.count[w]
		for _, any := range []bool{false, true} {
			for k := 0; k < e.kinds && over > 0; k++ {
				before := e.has[e.at(k, w)]
				if any {
					shed(k, w, over)
				} else {
					shed(k, w, min(over, max(0, surplus[k])))
				}
				over -= int64(before - e.has[e.at(k, w)])
			}
		}
	}
	for k := range e.kinds {
		for _, w := range basin.workers {
			shed(k, w, max(0, surplus[k]))
		}
	}

	// Gaps are filled.
	for k := range e.kinds {
		for _, w := range basin.workers {
			left[k] -= int64(e.has[e.at(k, w)])
		}
	}
	for _, w := range basin.workers {
		gap := e.count[w]
		for k := range e.kinds {
			gap -= int64(e.has[e.at(k, w)])
		}
		for k := range e.kinds {
			n := min(gap, left[k])
			e.has[e.at(k, w)] += int32(n)
			left[k] -= n
			gap -= n
		}
	}
}

// name turns the counts into workloads. Which of equal ones leave a worker, and which of them fill which gap, goes by hash.
func (e *even) name() {
	p := e.p
	type place struct {
		cell int
		i    int32
	}
	var crowded []place // workloads of which some have to leave
	adrift := make([][]int32, e.kinds)
	for _, i := range e.shared {
		k, w := e.kindOf(i), p.owner[i]
		if !e.mayStay(i, w) {
			adrift[k] = append(adrift[k], i)
		} else if cell := e.at(k, w); e.has[cell] < e.had[cell] {
			crowded = append(crowded, place{cell, i})
		} else {
			p.put(i, w)
		}
	}
	slices.SortFunc(crowded, func(a, b place) int {
		if a.cell != b.cell {
			return cmp.Compare(a.cell, b.cell)
		}
		return p.byHash(a.i, b.i)
	})
	stayed, last := int32(0), -1
	for _, c := range crowded {
		if c.cell != last {
			stayed, last = 0, c.cell
		}
		if stayed < e.has[c.cell] {
			p.put(c.i, p.owner[c.i])
			stayed++
		} else {
			k := e.kindOf(c.i)
			adrift[k] = append(adrift[k], c.i)
		}
	}
	for k, rest := range adrift {
		slices.SortFunc(rest, p.byHash)
		for w := range p.workers {
			cell := e.at(k, int32(w))
			for n := e.had[cell]; n < e.has[cell]; n++ {
				p.put(rest[0], int32(w))
				rest = rest[1:]
			}
		}
	}
}
