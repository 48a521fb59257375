package main

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/placement"
)

// A row is what became of one rule on clusters of one size, as means over the seeds.
type row struct {
	shape, rule string
	nodes       int
	first, last float64 // how full the scarcest dimension was at the first refusal and in the end
	moves       float64 // for each instance that was admitted
	took        time.Duration
	needed      float64 // nodes for a set, over the bound

	// Of what was refused first: how much would have fitted with moves, with one move, and of how much this is not known; parts of one.
	fitted, one, unknown float64
}

// refusals is after how many a stream ends.
const refusals = 20

func measure(s shape, r rule, nodes, seeds int) row {
	sum := row{shape: s.name, rule: r.name, nodes: nodes}
	admitted, decisions, moves := 0, 0, 0
	var took time.Duration
	for seed := range seeds {
		st := stream(s, r, nodes, uint64(seed))
		sum.first += st.first / float64(seeds)
		sum.last += st.last / float64(seeds)
		admitted += st.admitted
		decisions += st.admitted + refusals
		moves += st.moves
		took += st.took
		sum.needed += needed(s, r, nodes, uint64(seed)) / float64(seeds)
		switch part := 1 / float64(seeds); {
		case st.verdict == placement.Fits:
			sum.fitted += part
			if st.moved <= 1 {
				sum.one += part
			}
		case st.verdict == placement.NotFound:
			sum.unknown += part
		}
	}
	sum.moves = float64(moves) / float64(admitted)
	sum.took = took / time.Duration(decisions)
	return sum
}

type streamed struct {
	first, last     float64
	admitted, moves int
	took            time.Duration
	verdict         placement.Verdict // on the first that was refused, if everything might move
	moved           int               // what would have to
}

// stream offers one instance after the other.
func stream(s shape, r rule, n int, seed uint64) (out streamed) {
	random := rand.New(rand.NewPCG(seed, 1))
	where := s.cluster(n)
	var list []placement.Instance
	for refused, number := 0, 0; refused < refusals; number++ {
		list = append(list, s.instance(random, number))
		start := used()
		out.moves += r.place(where, list)
		out.took += used() - start
		if list[len(list)-1].Node != "" {
			out.admitted++
			continue
		}
		if refused++; refused == 1 {
			out.first = fullness(where, list)
			out.verdict, out.moved = judge(where, list)
		}
		list = list[:len(list)-1]
	}
	out.last = fullness(where, list)
	return out
}

// judge tells whether there would have been room for what waits if everything might move, and how many moves that takes. It looks longer
// than a decision may.
func judge(nodes []placement.Node, list []placement.Instance) (placement.Verdict, int) {
	free := slices.Clone(list)
	for i := range free {
		free[i].Pinned = false
	}
	r, err := placement.Place(placement.Problem{Nodes: nodes, Instances: free, Budget: 4 * placement.DefaultBudget})
	if err != nil {
		panic(err) // the problems are made here
	}
	return r.Verdict, len(r.Moves)
}

// fullness is the part in use of the scarcest dimension. It holds a placement against the capacities, too (see freeOn).
func fullness(nodes []placement.Node, list []placement.Instance) float64 {
	full, free := 0.0, freeOn(nodes, list)
	for _, d := range dimensions {
		have, left := int64(0), int64(0)
		for n := range nodes {
			have += nodes[n].Capacity.Get(d)
			left += free[n].Get(d)
		}
		full = max(full, 1-float64(left)/float64(have))
	}
	return full
}

// needed is how many nodes a rule needs for a set that comes all at once, the largest first, over the bound.
func needed(s shape, r rule, n int, seed uint64) float64 {
	random := rand.New(rand.NewPCG(seed, 2))
	var list []placement.Instance
	for number := 0; bound(s, list) < n; number++ {
		list = append(list, s.instance(random, number))
	}
	slices.SortStableFunc(list, func(a, b placement.Instance) int { return cmp.Compare(size(b), size(a)) })
	for count := n; ; count++ {
		at := slices.Clone(list)
		r.place(s.cluster(count), at)
		if !slices.ContainsFunc(at, func(in placement.Instance) bool { return in.Node == "" }) {
			return float64(count) / float64(n)
		}
	}
}

// size is the sum of the parts of a node that an instance needs.
func size(in placement.Instance) float64 {
	return float64(in.Needs.Memory)/float64(capacity.Memory) + float64(in.Needs.Disk)/float64(capacity.Disk) + float64(in.Needs.CPU)/float64(capacity.CPU)
}

var dimensions = []placement.Dimension{placement.Memory, placement.Disk, placement.CPU}

// bound is a number of nodes below which there is no room, whatever the rule: the sum in each dimension, and one node for each
// instance that needs more than half of the largest.
func bound(s shape, list []placement.Instance) int {
	most := 0
	for _, d := range dimensions {
		sum, large := int64(0), 0
		for _, in := range list {
			sum += in.Needs.Get(d)
			if 2*in.Needs.Get(d) > capacity.Get(d) {
				large++
			}
		}
		least := 0
		for n := sum / capacity.Get(d); ; n++ { // the first n nodes have at most n times what the largest has
			have := int64(0)
			for _, node := range s.cluster(int(n)) {
				have += node.Capacity.Get(d)
			}
			if have >= sum {
				least = int(n)
				break
			}
		}
		most = max(most, large, least)
	}
	return most
}

// used is the processor time of this process so far.
func used() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic(err) // it cannot be: the clock is there on every Linux
	}
	return time.Duration(t.Nano())
}
