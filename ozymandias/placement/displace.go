package placement

import (
	"cmp"
	"slices"
)

// displace finds room for an instance, which is nowhere now, in the place of less important ones; beside is the verdict on
// finding room without. It returns those that need another place now.
func (s *state) displace(i int32, beside Verdict) (displaced []int32, verdict Verdict) {
	lower := s.lower(s.list[i].Priority)
	if len(lower) == 0 {
		return nil, beside
	}
	if n, victims := s.cheapest(i); n != none {
		for _, j := range victims {
			s.take(j)
			s.displacers[j], s.pinned[j] = i, false
		}
		s.put(i, n)
		return victims, Fits
	}
	was := slices.Clone(s.at)
	for _, j := range lower {
		s.take(j)
	}
	verdict = s.fitBeside(i)
	joined := func(j int32) bool { // by another of its job
		return slices.ContainsFunc(s.on[was[j]], func(x int32) bool { return s.job[x] == s.job[j] && was[x] != was[j] })
	}
	for _, j := range lower {
		n := was[j]
		switch {
		case verdict != Fits || s.fits(j, n):
			s.put(j, n)
		case (s.pinned[j] || s.leave[j] == crowded && n == s.home[j]) && s.needs[j].within(&s.free[n]) && !joined(j):
			s.put(j, n) // one too many of its job there, as before, but it need not stop for that
			if !s.pinned[j] {
				displaced = append(displaced, j)
			}
		default:
			s.displacers[j], s.pinned[j] = i, false
			displaced = append(displaced, j)
		}
	}
	return displaced, verdict
}

// lower is everything of a lower priority that may be stopped, the most important first and, of what is equally important, the
// smallest.
func (s *state) lower(priority int) (list []int32) {
	for j, in := range s.list {
		if s.at[j] != none && in.Priority < priority && !s.firm(int32(j)) {
			list = append(list, int32(j))
		}
	}
	slices.SortFunc(list, func(a, b int32) int { return -s.byWorth(a, b) })
	return list
}

// firm tells whether an instance is pinned even against higher priorities.
func (s *state) firm(j int32) bool { return s.pinned[j] && !s.list[j].Yields }

// byWorth orders what may be stopped: the least important first, new before running and, of what is equally important, the largest.
func (s *state) byWorth(a, b int32) int {
	return cmp.Or(-s.byImportance(a, b), cmp.Compare(s.measure.size(&s.needs[b]), s.measure.size(&s.needs[a])), cmp.Compare(b, a))
}

// cheapest finds the node where the least has to stop for an instance: nothing of a higher priority than need be, then as
// few as possible, then the least.
func (s *state) cheapest(i int32) (best int32, victims []int32) {
	best = none
	var least float64
	for _, n := range s.reach(i) {
		s.steps--
		list := s.victims(i, n)
		if len(list) == 0 {
			continue
		}
		size, highest := 0.0, s.list[list[0]].Priority
		for _, j := range list {
			size += s.measure.size(&s.needs[j])
			highest = max(highest, s.list[j].Priority)
		}
		if best == none || cmp.Or(cmp.Compare(highest, s.highest(victims)), cmp.Compare(len(list), len(victims)), cmp.Compare(size, least)) < 0 {
			best, victims, least = n, list, size
		}
	}
	return best, victims
}

func (s *state) highest(list []int32) (priority int) {
	priority = s.list[list[0]].Priority
	for _, j := range list {
		priority = max(priority, s.list[j].Priority)
	}
	return priority
}

// victims is what has to stop on a node to make room for an instance, or nothing where that does not help. None of it could
// stay.
func (s *state) victims(i, n int32) (victims []int32) {
	var list []int32
	for _, j := range s.on[n] {
		if s.list[j].Priority < s.list[i].Priority && !s.firm(j) {
			list = append(list, j)
		}
	}
	slices.SortFunc(list, s.byWorth)
	for _, j := range list {
		if s.fits(i, n) {
			break
		}
		s.take(j)
		victims = append(victims, j)
	}
	fits := s.fits(i, n)
	if fits {
		s.put(i, n)
	}
	var spared []int32
	for at := len(victims) - 1; at >= 0 && fits; at-- {
		j := victims[at]
		lingers := (s.pinned[j] || s.leave[j] == crowded) && n == s.home[j] && s.job[j] != s.job[i] // one too many of its job, as before
		if s.fits(j, n) || lingers && s.needs[j].within(&s.free[n]) {
			s.put(j, n)
			spared = append(spared, j)
		}
	}
	if fits {
		s.take(i)
	}
	all := victims
	victims = slices.DeleteFunc(slices.Clone(all), func(j int32) bool { return slices.Contains(spared, j) })
	for _, j := range all {
		if s.at[j] == none {
			s.put(j, n)
		}
	}
	if !fits {
		return nil
	}
	return victims
}
