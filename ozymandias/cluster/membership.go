package cluster

import (
	"cmp"
	"slices"
)

// Wanted is how many members etcd is to have in a cluster of so many nodes.
//
// It is an odd number, as an even one bears no more losses than the odd one below it, and makes each write wait for one more. Two members
// are even worse than one: either's loss stops both. Three bear the loss of one, and are had as soon as there are three nodes. Five bear
// two at once, which happens when one is down for an upgrade and another fails; they begin at seven nodes, where there is somebody left
// to take the place of each of the two. More would make writes slower, and hardly anything safer.
func Wanted(nodes int) int {
	switch {
	case nodes < 3:
		return 1
	case nodes < 7:
		return 3
	}
	return 5
}

// A seat is a member of etcd, as somebody sees it who may do something about it.
type seat struct {
	id      uint64
	name    string // etcd's
	ours    bool   // its node is one that was admitted, and not forgotten since
	learner bool   // has no vote
	// healthy: it answers; if a learner, it has caught up.
	healthy bool
	// stale: a learner that has been there for so long that it should have caught up.
	stale bool
}

// A deed is what one can do about the members.
type deed int

const (
	nothing deed = iota
	remove       // the seat
	promote      // the seat
	enter        // add oneself, as a learner
)

// next is what is to be done first in a cluster of so many nodes. self is the name in etcd of the node that asks. steady says that the
// number of nodes has not changed for a while: a machine that is replaced is deleted first, and then joins again, and it would be
// a pity to give up another's copy of the data in between.
func next(self string, nodes int, seats []seat, steady bool) (deed, seat) {
	seats = slices.SortedFunc(slices.Values(seats), func(a, b seat) int { return cmp.Compare(a.id, b.id) })
	wanted := Wanted(nodes)
	var voters, learners, ready []seat
	for _, s := range seats {
		switch {
		case !s.learner:
			voters = append(voters, s)
		case !s.ours || s.stale && !s.healthy:
			return remove, s // it has no vote: nothing can go wrong
		default:
			learners = append(learners, s)
			if s.healthy {
				ready = append(ready, s)
			}
		}
	}

	for _, s := range voters {
		if !s.ours && dispensable(s, voters) {
			return remove, s
		}
	}
	// From an odd number of members the next one makes things worse, until the one after it: they go together.
	if len(voters) < wanted && len(ready) > 0 && (len(voters)%2 == 0 || len(ready) > 1) {
		return promote, ready[0]
	}
	if len(voters) > wanted && steady {
		// Everybody is there: no one's absence is taken for his consent.
		healthy := !slices.ContainsFunc(voters, func(s seat) bool { return !s.healthy })
		if i := slices.IndexFunc(voters, func(s seat) bool { return s.name != self }); healthy && i >= 0 {
			return remove, voters[i]
		}
	}
	if len(voters) >= wanted && len(learners) > 0 && steady {
		return remove, learners[0]
	}
	known := slices.ContainsFunc(seats, func(s seat) bool { return s.name == self })
	if len(voters)+len(learners) < wanted && len(learners) < maxLearners && !known {
		return enter, seat{}
	}
	return nothing, seat{}
}

// dispensable reports whether the other members have a majority without this one.
func dispensable(s seat, voters []seat) bool {
	others, healthy := 0, 0
	for _, v := range voters {
		if v.id != s.id {
			others++
			if v.healthy {
				healthy++
			}
		}
	}
	return healthy > others/2
}
