package placement

import (
	"fmt"
	"slices"
)

// Verdict is what is known about room. The three are never blurred.
type Verdict string

const (
	Fits             Verdict = "Fits"             // there is room, and this is it
	ProvedInfeasible Verdict = "ProvedInfeasible" // there is none, however what may be moved is moved
	NotFound         Verdict = "NotFound"         // none was found within the budget
)

// Result says where everything goes that does not simply stay where it runs. Lists are in order of name. Refusals of instances
// that are alike share memory, and none of it may be changed.
type Result struct {
	// Verdict is on the whole: Fits if nothing waits; ProvedInfeasible if it is proven that something has to; NotFound otherwise.
	Verdict Verdict

	Placed   []Placement // what was nowhere and has a node now
	Moves    []Move      // what runs and is to go elsewhere
	Waiting  []Waiting   // what has no place
	Overfull []Overfull  // nodes that have less than what is pinned to them
}

// Placement is a node for an instance.
type Placement struct {
	Name
	Node string
}

// Move takes an instance from the node where it runs to another. Whoever carries it out may count on room for it at its
// new node only when what leaves that node in turn is gone.
type Move struct {
	Name
	From, To string
	Why      string // in words: "n1 is draining", "to make room"
}

// Waiting is an instance without a place, and why.
type Waiting struct {
	Name
	Verdict Verdict // never Fits
	Refusal Refusal

	Stays string // the node on which it goes on running although it should leave; or ""
	Stops string // the node on which it runs and has to stop; or ""
	Why   string // Stays or Stops, in words: "n1 is draining", "in favour of db-0, which has a higher priority"
	For   Name   // Stops: the instance of a higher priority that gets its room, if that is why
}

// String says in one sentence what becomes of the instance, and why there is no place for it.
func (w Waiting) String() string {
	switch {
	case w.Stays != "":
		return fmt.Sprintf("%s stays on %s for now (%s): it %s", w.Name, w.Stays, w.Why, w.Refusal.because())
	case w.Stops != "":
		return fmt.Sprintf("%s stops on %s (%s): it %s", w.Name, w.Stops, w.Why, w.Refusal.because())
	}
	return w.Refusal.String()
}

// Forecast says the same of a decision that is not made yet, and may never be.
func (w Waiting) Forecast() string {
	switch {
	case w.Stays != "":
		return fmt.Sprintf("%s would stay on %s (%s): it %s", w.Name, w.Stays, w.Why, w.Refusal.because())
	case w.For != (Name{}):
		return fmt.Sprintf("%s would have to stop on %s (%s): it %s", w.Name, w.Stops, w.Why, w.Refusal.because())
	case w.Stops != "": // what it needs may be what is to change: no word of the node being too small
		return fmt.Sprintf("%s would have to stop on %s: it %s", w.Name, w.Stops, w.Refusal.because())
	}
	return w.Refusal.String()
}

// Overfull is a node that has less than what is pinned to it.
type Overfull struct {
	Node  string
	Short Resources
}

// result puts names back.
func (s *state) result() Result {
	r := Result{Verdict: Fits}
	refusals, views := map[refusalKey]Refusal{}, map[int][]vector{}
	for i, in := range s.list {
		at, home := s.at[i], s.home[i]
		if v, waits := s.verdict[int32(i)]; waits {
			if r.Verdict != ProvedInfeasible {
				r.Verdict = v
			}
			r.Waiting = append(r.Waiting, s.waiting(int32(i), v, refusals, views))
			continue
		}
		switch {
		case at == home:
		case home == none:
			r.Placed = append(r.Placed, Placement{Name: in.Name, Node: s.nodes[at].Name})
		default:
			r.Moves = append(r.Moves, Move{Name: in.Name, From: s.nodes[home].Name, To: s.nodes[at].Name, Why: s.why(int32(i))})
		}
	}
	var zero vector
	for n := range s.nodes {
		if short := zero.beyond(&s.free[n]); short != zero {
			r.Overfull = append(r.Overfull, Overfull{Node: s.nodes[n].Name, Short: short.resources()})
		}
	}
	return r
}

func (s *state) waiting(i int32, v Verdict, refusals map[refusalKey]Refusal, views map[int][]vector) Waiting {
	key := refusalKey{class: s.classOf(i), job: s.job[i], priority: s.list[i].Priority, verdict: v}
	refusal, ok := refusals[key]
	if !ok || s.home[i] != none {
		refusal = s.refusal(i, v, views)
		refusals[key] = refusal
	}
	refusal.Name = s.list[i].Name
	w := Waiting{Name: s.list[i].Name, Verdict: v, Refusal: refusal}
	home := s.home[i]
	if home == none {
		return w
	}
	by, displaced := s.displacers[i]
	switch {
	case s.at[i] != none:
		w.Stays, w.Why = s.nodes[home].Name, s.why(i)
	case displaced:
		w.Stops, w.For = s.nodes[home].Name, s.list[by].Name
		w.Why = fmt.Sprintf("in favour of %s, which has a higher priority", w.For)
	default:
		w.Stops, w.Why = s.nodes[home].Name, s.nodes[home].tooSmall()
	}
	return w
}

// tooSmall says that more runs on a node than it has room for.
func (n *Node) tooSmall() string { return n.Name + " has less than what runs there needs" }

// why an instance leaves its home, in words.
func (s *state) why(i int32) string {
	node := &s.nodes[s.home[i]]
	switch s.leave[i] {
	case drained:
		return node.Name + " is " + node.draining()
	case misplaced:
		k := &s.kinds[s.kind[i]]
		if len(k.tied) > 0 && !slices.Contains(k.tied, node.Name) {
			return node.Name + " does not hold its volumes"
		}
		return fmt.Sprintf("%s has not %s", node.Name, Enumerate(k.missing(node), "and"))
	case crowded:
		return fmt.Sprintf("at most %d of %s on one node", s.jobs[s.job[i]].perNode, s.list[i].Job)
	case evicted:
		return node.tooSmall()
	}
	return "to make room"
}
