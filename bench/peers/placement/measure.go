package main

import (
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
	}
	sum.moves = float64(moves) / float64(admitted)
	sum.took = took / time.Duration(decisions)
	return sum
}

type streamed struct {
	first, last     float64
	admitted, moves int
	took            time.Duration
}

// stream offers one instance after the other.
func stream(s shape, r rule, n int, seed uint64) (out streamed) {
	random := rand.New(rand.NewPCG(seed, 1))
	where := nodes(n)
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
		list = list[:len(list)-1]
		if refused++; refused == 1 {
			out.first = fullness(where, list)
		}
	}
	out.last = fullness(where, list)
	return out
}

// fullness is the part in use of the scarcest dimension. It holds a placement against the capacities, too (see freeOn).
func fullness(nodes []placement.Node, list []placement.Instance) float64 {
	var free placement.Resources
	for _, f := range freeOn(nodes, list) {
		free = placement.Resources{Memory: free.Memory + f.Memory, Disk: free.Disk + f.Disk, CPU: free.CPU + f.CPU}
	}
	n := float64(len(nodes))
	return 1 - min(float64(free.Memory)/(n*float64(capacity.Memory)), float64(free.Disk)/(n*float64(capacity.Disk)), float64(free.CPU)/(n*float64(capacity.CPU)))
}

// needed is how many nodes a rule needs for a set that comes all at once, the largest first, over the bound.
func needed(s shape, r rule, n int, seed uint64) float64 {
	random := rand.New(rand.NewPCG(seed, 2))
	var list []placement.Instance
	for number := 0; bound(list) < n; number++ {
		list = append(list, s.instance(random, number))
	}
	slices.SortStableFunc(list, func(a, b placement.Instance) int {
		if size(a) > size(b) {
			return -1
		}
		return 1
	})
	for count := n; ; count++ {
		at := slices.Clone(list)
		r.place(nodes(count), at)
		if !slices.ContainsFunc(at, func(in placement.Instance) bool { return in.Node == "" }) {
			return float64(count) / float64(n)
		}
	}
}

// size is the sum of the parts of a node that an instance needs.
func size(in placement.Instance) float64 {
	return float64(in.Needs.Memory)/float64(capacity.Memory) + float64(in.Needs.Disk)/float64(capacity.Disk) + float64(in.Needs.CPU)/float64(capacity.CPU)
}

// bound is a number of nodes below which there is no room, whatever the rule: the sum in each dimension, and one node for each
// instance that needs more than half of one.
func bound(list []placement.Instance) int {
	most := 0
	for _, d := range []placement.Dimension{placement.Memory, placement.Disk, placement.CPU} {
		sum, large, have := int64(0), 0, capacity.Get(d)
		for _, in := range list {
			sum += in.Needs.Get(d)
			if 2*in.Needs.Get(d) > have {
				large++
			}
		}
		most = max(most, large, int((sum+have-1)/have))
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
