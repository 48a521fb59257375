package placement

import (
	"cmp"
	"slices"
)

// findHomes notes where everything runs and what has to leave, and keeps the rest where it is.
func (s *state) findHomes() {
	number := make(map[string]int32, len(s.nodes))
	for n := range s.nodes {
		number[s.nodes[n].Name] = int32(n)
	}
	s.home = make([]int32, len(s.list))
	s.at = slices.Repeat([]int32{none}, len(s.list))
	s.leave = make([]leave, len(s.list))
	s.class = slices.Repeat([]int32{none}, len(s.list))
	s.classes = map[class]int32{}
	s.tally.job = none
	counts := make([]int32, len(s.nodes))
	for i, in := range s.list {
		n, ok := number[in.Node]
		if !ok {
			s.home[i] = none
			continue
		}
		s.home[i] = n
		s.pinned[i] = in.Pinned
		counts[n]++
		switch {
		case in.Pinned:
		case s.nodes[n].Draining:
			s.leave[i] = drained
		case !s.kinds[s.kind[i]].suits(&s.nodes[n]):
			s.leave[i] = misplaced
		}
	}
	s.on = make([][]int32, len(s.nodes))
	room := make([]int32, len(s.list))
	for n, c := range counts {
		s.on[n], room = room[:0:c], room[c:]
	}
	for i, n := range s.home {
		if n != none {
			s.put(int32(i), n)
		}
	}
	for n := range s.nodes {
		if !usable(&s.free[n]) {
			s.evict(int32(n))
		}
	}
	s.thin()
}

// evict takes from a node what it has no room for. The least important goes first and, of what is equally important, what is not pinned, then
// what grows, then what is to leave anyhow, then the largest, so that few have to.
func (s *state) evict(n int32) {
	list := slices.Clone(s.on[n])
	for _, i := range list {
		s.take(i)
	}
	slices.SortStableFunc(list, func(i, j int32) int {
		a, b := s.list[i], s.list[j]
		return cmp.Or(cmp.Compare(truth(s.firm(j)), truth(s.firm(i))), cmp.Compare(b.Priority, a.Priority),
			cmp.Compare(truth(s.pinned[j]), truth(s.pinned[i])), cmp.Compare(truth(a.Grows), truth(b.Grows)),
			cmp.Compare(truth(s.leave[i] != stays), truth(s.leave[j] != stays)),
			cmp.Compare(s.measure.size(&s.needs[i]), s.measure.size(&s.needs[j])))
	})
	for _, i := range list {
		if s.firm(i) || s.needs[i].within(&s.free[n]) {
			s.put(i, n)
			continue
		}
		s.pinned[i] = false
		if s.leave[i] == stays {
			s.leave[i] = evicted
		}
	}
}

// thin finds what is beyond PerNode of a job on its node, the last of it first. What leaves anyhow does not count.
func (s *state) thin() {
	for _, j := range s.jobs {
		if j.perNode == 0 || j.hi-j.lo < 2 {
			continue
		}
		count := map[int32]int{}
		for i := j.lo; i < j.hi; i++ {
			if s.at[i] != none && s.leave[i] == stays {
				count[s.at[i]]++
			}
		}
		for i := j.hi - 1; i >= j.lo; i-- {
			if n := s.at[i]; n != none && s.leave[i] == stays && !s.pinned[i] && count[n] > j.perNode {
				s.leave[i] = crowded
				count[n]--
			}
		}
	}
}
