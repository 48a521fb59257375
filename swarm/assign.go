package swarm

import (
	"math"
	"slices"
)

// maxKinds is how many different sets of required labels [Assign] balances exactly; where there are more it goes by
// workload, as with weights. An eligibility is a bit mask up to here, and the search for fewer moves is quadratic in it.
const maxKinds = 32

// Assign shares the workloads out among the workers, moving little of what the previous table has. It is a pure function:
// the same workloads, workers and previous table give the same result, in whatever order they come; with an empty previous
// table it is a function of the names and what they ask for alone. Assigning again from the result's own table changes
// nothing (proven, or looked for: see settle, which gives up after maxDetours).
//
// Who gets room, where there is not enough: exclusive and shared workloads of higher priority before those of lower; at
// equal priority shared ones before exclusive ones (which deprive others of a whole worker), then those that have a worker
// already, then heavier ones, then by hash. A workload that waits keeps nothing free that another could use.
//
// What is promised of the workloads that share workers:
//
//   - Of equal weight, with at most 32 different sets of required labels: as many as possible run, the most important first.
//     Loads are as even as labels and capacities allow: the sum of their squares is the least possible, which also makes the
//     highest load the lowest possible, then the second highest, and so on. Without labels and capacities that
//     means that they differ by at most one workload. Among all such tables this one moves the fewest workloads: see
//     [even.fill] and [even.refine] for the proof; with labels, unless that takes too long to find out (Result.Least tells).
//   - Otherwise: a workload moves only if its worker is over the ideal, or the other below it, by more than a tenth of
//     the ideal (at most the largest weight), and only to a worker that is left with less than its own had. Without labels and
//     capacities every load is then within the largest weight of the ideal; see [weighted.level]. Moves are also made for what
//     would wait: none waits while a worker that it may share has room for it, beside workloads of its own and higher
//     priorities, once one or two of these have moved to workers that have room for them in the same sense. The effort is
//     bounded: this holds where at most 1,000 wait, and in large pools (more than 64 workers that it may use, more than 64
//     workloads on one) as far as is looked, see [maxLooked]. It is no search for the best packing: neither more moves nor
//     chains of them are tried.
//
// Of the workers that it can have, an exclusive workload prefers the one that the fewest others have to leave, an empty one
// first.
//
// The result may share memory with the previous table: neither may be changed afterwards. Time is about linear in the
// number of workloads and workers, times that of the different requirements; looking for room for what waits is bounded.
//
// An error names what is wrong with the input. Having no workers, or no room, is not an error: then workloads wait.
func Assign(previous Table, workloads []Workload, workers []Worker) (Result, error) {
	p, err := newProblem(previous, workloads, workers)
	if err != nil {
		return Result{}, err
	}
	p.settle()
	return p.result(), nil
}

// settle decides, and makes sure that deciding again would change nothing. Mostly that is proven. Where it is not (exclusive
// workloads with labels or capacities, which are chosen one after the other), it goes on from its own table until it
// comes to one that it has been at, the previous one included: that one leads back to itself, so that it is stable.
func (p *problem) settle() {
	previous := p.owner
	for been := [][]int32{previous}; ; been = append(been, p.at) {
		p.decide()
		if p.proven || len(been) > maxDetours || slices.ContainsFunc(been, func(at []int32) bool { return slices.Equal(at, p.at) }) {
			break
		}
		p.owner = p.at
	}
	p.owner = previous
}

// maxDetours bounds settle, which hardly ever needs more than one.
const maxDetours = 16

// careful is for how many rounds exclusive workloads that give way may try any other worker.
const careful = 4

// decide makes a table.
func (p *problem) decide() {
	p.reserved = slices.Repeat([]int64{math.MinInt64}, len(p.workers))
	for round := 1; ; round++ {
		p.begin()
		p.dedicate()
		p.share()
		if !p.giveWay(round > careful) {
			break
		}
	}
	p.fillEmpty()
	p.linger()
}

// begin forgets what was decided, but for the reservations.
func (p *problem) begin() {
	p.at = slices.Repeat([]int32{none}, len(p.workloads))
	p.held = slices.Repeat([]int32{none}, len(p.workers))
	p.load = make([]int64, len(p.workers))
	p.proven = p.plain()
	p.minimal = false
}

// put gives a workload to a worker.
func (p *problem) put(i, w int32) {
	p.at[i] = w
	p.load[w] += p.units[i]
}

// take takes a workload from its worker.
func (p *problem) take(i int32) {
	p.load[p.at[i]] -= p.units[i]
	p.at[i] = none
}

// share assigns the workloads that are not exclusive.
func (p *problem) share() {
	equal := true
	used := make([]bool, len(p.kinds))
	for _, i := range p.shared {
		equal = equal && p.units[i] == p.units[p.shared[0]]
		used[p.kind[i]] = true
	}
	kinds := 0
	for _, is := range used {
		if is {
			kinds++
		}
	}
	switch {
	case len(p.shared) == 0:
		p.minimal = p.proven
	case equal && kinds <= maxKinds:
		p.minimal = p.shareEvenly(used) && p.proven
	default:
		p.shareByWeight()
	}
}

// plain tells whether the choice of workers for exclusive workloads is proven to be the best: see dedicate.
func (p *problem) plain() bool {
	reserved := slices.ContainsFunc(p.reserved, func(up int64) bool { return up != math.MinInt64 })
	return len(p.exclusive) == 0 || !reserved && p.unbounded() && len(p.kinds) == 1 && len(p.kinds[0].workers) == p.live
}

// unbounded tells whether no worker's capacity can be felt.
func (p *problem) unbounded() bool {
	return !slices.ContainsFunc(p.workers, func(w Worker) bool { return w.Capacity != 0 })
}

// linger leaves on a draining worker what it has and nobody else has room for: it runs, and being deleted the worker can
// wait longer than a stream can.
func (p *problem) linger() {
	var stay []int32
	for i, w := range p.owner {
		if w != none && p.at[i] == none && p.workers[w].Draining && p.workers[w].fulfils(p.kinds[p.kind[i]].require) {
			stay = append(stay, int32(i))
		}
	}
	p.sortByRank(stay)
	alone := make([]bool, len(p.workers))
	for _, i := range stay {
		w, exclusive := p.owner[i], p.workloads[i].Exclusive
		if alone[w] || exclusive && p.load[w] > 0 || !p.workers[w].holds(p.load[w]+p.units[i]) {
			continue
		}
		p.put(i, w)
		alone[w] = exclusive
	}
}
