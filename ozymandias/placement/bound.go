package placement

import (
	"slices"
)

// This file proves that there is no room, without a search. Each proof is about a set of nodes N that an instance cannot
// do without, and about what is confined to N: all that could not be elsewhere either. Pinned instances reduce what the nodes
// have; everything else may be thought of as anywhere in N.

// bound is what is confined to some nodes, and what these have for it.
type bound struct {
	nodes []int32
	have  []vector // by node: its capacity without what is pinned
	items []int32
}

// hopeless tells whether an instance would not fit on any node even if all that may move were gone.
func (s *state) hopeless(i int32) bool {
	for _, n := range s.reach(i) {
		have := s.unpinned(n)
		if s.needs[i].within(&have) && !s.barred(i, n) {
			return false
		}
	}
	return true
}

// unpinned is what a node has for instances that may be moved.
func (s *state) unpinned(n int32) vector {
	have := s.free[n]
	for _, j := range s.on[n] {
		if !s.firm(j) {
			have.add(&s.needs[j])
		}
	}
	return have
}

// barred tells whether as many of an instance's job as may be on a node are pinned there.
func (s *state) barred(i, n int32) bool {
	most := s.jobs[s.job[i]].perNode
	if most == 0 {
		return false
	}
	for _, j := range s.on[n] {
		if s.job[j] == s.job[i] && s.firm(j) {
			most--
		}
	}
	return most <= 0
}

// impossible tells whether it is proven that an instance, which is nowhere now, finds no place beside all that has one.
func (s *state) impossible(i int32) bool {
	if s.hopeless(i) {
		return true
	}
	b := s.confined(s.reach(i))
	b.items = append(b.items, i)
	if s.tooMuch(b) || s.tooLarge(b) || s.tooMany(i, b) {
		return true
	}
	return len(b.nodes) < len(s.nodes) && s.tooMuch(s.everything(i))
}

// impossibleTogether is the same for a list.
func (s *state) impossibleTogether(list []int32) bool {
	b := s.everything(list...)
	return s.tooMuch(b) || s.tooLarge(b)
}

// everything is what has a place and a list besides, on all nodes.
func (s *state) everything(list ...int32) *bound {
	all := make([]int32, len(s.nodes))
	for n := range all {
		all[n] = int32(n)
	}
	b := s.confined(all)
	b.items = append(b.items, list...)
	return b
}

func (s *state) confined(nodes []int32) *bound {
	b := &bound{nodes: nodes}
	in := make([]bool, len(s.nodes))
	for _, n := range nodes {
		in[n] = true
		b.have = append(b.have, s.unpinned(n))
	}
	kinds := make([]bool, len(s.kinds))
	for k := range s.kinds {
		kinds[k] = !slices.ContainsFunc(s.kinds[k].nodes, func(n int32) bool { return !in[n] })
	}
	for _, n := range nodes {
		for _, j := range s.on[n] {
			if refuge := s.refuge(j); !s.pinned[j] && kinds[s.kind[j]] && (refuge == none || in[refuge]) {
				b.items = append(b.items, j)
			}
		}
	}
	return b
}

// tooMuch compares sums: of some dimension more is needed than there is.
func (s *state) tooMuch(b *bound) bool {
	var have, need vector
	for n := range b.have {
		if usable(&b.have[n]) {
			have.add(&b.have[n])
		}
	}
	for _, i := range b.items {
		need.add(&s.needs[i])
	}
	return !need.within(&have)
}

// usable tells whether a node can take anything: where pinned instances have more than there is, it cannot.
func usable(have *vector) bool { return slices.Min(have[:]) >= 0 }

// tooLarge looks at what needs more than half of what the largest node has, so that no two of these go on one node: paired in
// order of size, one of them is larger than its node, or there are more of them than nodes. (By Hall's theorem there is then
// no way to give each a node of its own.)
func (s *state) tooLarge(b *bound) bool {
	for d := range dimensions {
		var have, need []int64
		for n := range b.have {
			if usable(&b.have[n]) {
				have = append(have, b.have[n][d])
			}
		}
		slices.Sort(have)
		if len(have) == 0 {
			return true
		}
		half := have[len(have)-1] / 2
		for _, i := range b.items {
			if s.needs[i][d] > half {
				need = append(need, s.needs[i][d])
			}
		}
		if len(need) > len(have) {
			return true
		}
		slices.Sort(need)
		for at := range need {
			if need[len(need)-1-at] > have[len(have)-1-at] {
				return true
			}
		}
	}
	return false
}

// lingers tells whether an instance is where it should leave.
func (s *state) lingers(j int32) bool {
	return s.leave[j] != stays && s.at[j] != none && s.at[j] == s.home[j]
}

// tooMany counts instances of a job of which a node may have so many. Those that stay where they should leave do not count: they
// may be too many there.
func (s *state) tooMany(i int32, b *bound) bool {
	most := s.jobs[s.job[i]].perNode
	if most == 0 {
		return false
	}
	count := 0
	for _, j := range b.items {
		count += truth(s.job[j] == s.job[i] && (j == i || !s.lingers(j)))
	}
	room := 0
	for _, n := range b.nodes {
		have := most
		for _, j := range s.on[n] {
			have -= truth(s.pinned[j] && s.job[j] == s.job[i])
		}
		room += max(0, have)
	}
	return count > room
}
