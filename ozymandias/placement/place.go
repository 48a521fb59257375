package placement

import (
	"slices"
)

// Place finds a node for everything that has none, and for what is to leave its own. It is a pure function: the same problem
// gives the same result, in whatever order nodes and instances come. What runs stays where it is, but for
//
//   - instances on a node that is draining, or that has not (any more) the labels or volumes that they ask for, or of which
//     there are more on one node than Spread.PerNode: they move where there is room, and stay where there is none;
//   - instances on a node that has less than its instances need: the least important, then what grows, then the largest, have to
//     go, and of what is equally important what is pinned, and yields, goes last;
//   - instances that have to make room for others, where these would not fit else: as few as possible;
//   - instances of lower priority where even that does not help: they have to stop.
//
// No node is ever given more than its capacity, in any dimension. A node that has less than what is pinned to it is given
// nothing.
//
// With an ample budget everything has a place if there is any way of placing all, and for one new instance the moves are the
// fewest possible. Where the budget is not enough to know, the verdict is [NotFound]. Who gets room where there is not enough
// goes by priority, then what runs already comes first, then what is larger.
//
// Placing validates, too: a problem in which everything has a node is valid if nothing moves, waits or is overfull.
//
// An error names what is wrong with the input. Having no room is not an error.
func Place(p Problem) (Result, error) {
	s, err := newState(p)
	if err != nil {
		return Result{}, err
	}
	s.solve()
	return s.result(), nil
}

// maxTogether is up to how many instances the search tries to place all at once, before it goes on with what the rules make
// of them and looks for room for the rest one by one.
const maxTogether = 64

// solve decides.
func (s *state) solve() {
	var pending []int32
	for i := range s.list {
		if s.at[i] == none || s.leave[i] != stays {
			pending = append(pending, int32(i))
		}
	}
	s.placeAll(pending)
}

// placeAll finds a place for what is nowhere or is to leave.
func (s *state) placeAll(pending []int32) {
	var list []int32
	for _, i := range pending {
		if s.hopeless(i) {
			s.verdict[i] = ProvedInfeasible
		} else {
			list = append(list, i)
		}
	}
	if len(list) == 0 {
		return
	}
	best := s.bestAttempt(list)
	if slices.Contains(best.at, none) && len(list) > 1 && len(list) <= maxTogether && s.together(list) {
		return
	}
	var missed []int32
	for at, n := range best.at {
		if n == none {
			missed = append(missed, best.list[at])
		} else {
			s.move(best.list[at], n)
		}
	}
	s.fitEach(missed)
	s.lookAgain()
}

// together places a list in the best of all ways, or not at all.
func (s *state) together(list []int32) bool {
	held := make([]int32, len(list))
	for at, i := range list {
		held[at] = s.at[i]
		s.move(i, none)
	}
	if !s.impossibleTogether(list) {
		if found, _ := s.deepen(list, s.steps/2); found {
			return true
		}
	}
	for at, i := range list {
		s.move(i, held[at])
	}
	return false
}

// fitEach finds room for what the rules could not place, one after the other and the most important first. What is displaced
// is less important than what has been looked at until then, so that its turn comes.
func (s *state) fitEach(waiting []int32) {
	failed := map[failure]Verdict{}
	s.order(waiting, &rules[0])
	for len(waiting) > 0 {
		i := waiting[0]
		waiting = waiting[1:]
		like := failure{class: s.classOf(i), priority: s.list[i].Priority}
		if v, ok := failed[like]; ok && s.at[i] == none {
			s.verdict[i] = v
			continue
		}
		displaced, verdict := s.fit(i)
		if verdict != Fits {
			s.verdict[i] = verdict
			if s.at[i] == none {
				failed[like] = verdict
			}
		}
		if len(displaced) > 0 {
			waiting = append(waiting, displaced...)
			s.order(waiting, &rules[0])
		}
	}
}

// lookAgain looks once more at every node for what waits without proof: others that have moved since may have made room.
func (s *state) lookAgain() {
	var list []int32
	for i, v := range s.verdict {
		if v == NotFound {
			list = append(list, i)
		}
	}
	s.order(list, &rules[0])
	for _, i := range list {
		if s.settle(i, &rules[0]) != none {
			delete(s.verdict, i)
		}
	}
}

// failure is what instances have in common for which there is no room alike. That stays so as long as only others of the
// same and of lower priorities are placed, which take up room.
type failure struct {
	class    int32
	priority int
}

// fit finds room for one instance, at first beside everything, then in the place of what is less important.
func (s *state) fit(i int32) (displaced []int32, verdict Verdict) {
	held := s.at[i]
	s.move(i, none)
	verdict = s.fitBeside(i)
	if verdict != Fits {
		displaced, verdict = s.displace(i, verdict)
	}
	if verdict != Fits {
		s.move(i, held)
	}
	return displaced, verdict
}

// fitBeside finds room for an instance beside everything that has a place, moving some of it if need be.
func (s *state) fitBeside(i int32) Verdict {
	if s.impossible(i) {
		return ProvedInfeasible
	}
	found, proven := s.deepen([]int32{i}, s.steps/2)
	switch {
	case found:
		return Fits
	case proven:
		return ProvedInfeasible
	}
	return NotFound
}
