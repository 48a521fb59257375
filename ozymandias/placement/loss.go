package placement

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Loss is what would become of the instances if a node died.
type Loss struct {
	Node string

	// Verdict is Fits if everything that is there has a place elsewhere, with nothing stopped for it.
	Verdict Verdict

	Instances int       // how many are there
	Moves     []Move    // what would have to make room
	Lost      []Waiting // what is there and would have no place
	Displaced []Waiting // what would have to stop elsewhere, for the sake of higher priorities
}

// WithoutEach tells for each node, in order of name, what would become of the instances if it died: the standing answer to
// "can we lose a machine?". It starts from what [Place] makes of the problem, and leaves out what waits even then. The budget
// is that of each node.
func WithoutEach(p Problem) ([]Loss, error) {
	s, err := newState(p)
	if err != nil {
		return nil, err
	}
	s.solve()
	s.rest()
	losses := make([]Loss, len(s.nodes))
	for n := range s.nodes {
		losses[n] = s.without(int32(n), p.Budget)
	}
	return losses, nil
}

// rest makes what is decided the state of things, as it will be when all moves are made.
func (s *state) rest() {
	for i := range s.list {
		if s.at[i] != s.home[i] {
			s.leave[i] = stays
		}
		s.home[i] = s.at[i]
		s.class[i] = none
	}
	clear(s.verdict)
	clear(s.displacers)
}

// without is the loss of one node.
func (s *state) without(n int32, budget int) Loss {
	t := s.clone()
	t.steps = steps(budget)
	t.dead = n
	lost := slices.Clone(t.on[n])
	slices.Sort(lost)
	for _, i := range lost {
		t.take(i)
		t.home[i], t.leave[i], t.class[i], t.pinned[i] = none, stays, none, false
	}
	t.free[n] = vector{-1, -1, -1} // nothing fits
	gone := t.nodes[n].Capacity.vector()
	t.total.sub(&gone)
	t.placeAll(slices.Clone(lost))
	l := Loss{Node: s.nodes[n].Name, Instances: len(lost)}
	r := t.result()
	l.Verdict, l.Moves = r.Verdict, r.Moves
	for _, w := range r.Waiting {
		if w.Stops == "" {
			l.Lost = append(l.Lost, w)
		} else {
			l.Displaced = append(l.Displaced, w)
		}
	}
	return l
}

// clone copies what deciding changes.
func (s *state) clone() *state {
	t := *s
	t.home, t.at, t.free = slices.Clone(s.home), slices.Clone(s.at), slices.Clone(s.free)
	t.leave, t.class, t.pinned = slices.Clone(s.leave), slices.Clone(s.class), slices.Clone(s.pinned)
	t.on = make([][]int32, len(s.on))
	all := make([]int32, 0, len(s.list))
	for n, on := range s.on {
		from := len(all)
		all = append(all, on...)
		t.on[n] = all[from:len(all):len(all)]
	}
	t.verdict, t.displacers = maps.Clone(s.verdict), maps.Clone(s.displacers)
	t.tally, t.sizes = tally{job: none}, nil
	return &t
}

// Lines say what would be lost: "if node n2 dies, db-0 cannot be re-placed: 3G of memory short". The instances of a job that are lost for the
// same reason share a line. There are none where nothing would be.
func (l Loss) Lines() (lines []string) {
	type reason struct{ job, text string }
	alike := map[reason][]string{}
	var order []reason
	for _, w := range l.Lost {
		r := reason{w.Job, w.Refusal.shortage()}
		if alike[r] == nil {
			order = append(order, r)
		}
		alike[r] = append(alike[r], w.Name.String())
	}
	for _, r := range order {
		lines = append(lines, fmt.Sprintf("if node %s dies, %s cannot be re-placed: %s", l.Node, few(alike[r]), r.text))
	}
	for _, w := range l.Displaced {
		lines = append(lines, fmt.Sprintf("if node %s dies, %s has to stop on %s in favour of %s", l.Node, w.Name, w.Stops, w.For))
	}
	return lines
}

// few names the first few.
func few(names []string) string {
	if more := len(names) - maxNamed; more > 1 {
		names = append(slices.Clone(names[:maxNamed]), fmt.Sprintf("%d more", more))
	}
	return Enumerate(names, "and")
}

// shortage is what is short on the node that comes nearest, or else the reason.
func (r Refusal) shortage() string {
	if r.Usable == 0 || r.Nodes[0].Short == (Resources{}) {
		return strings.TrimPrefix(r.reason(), "cannot be placed: ") // it has just been said
	}
	text := r.Nodes[0].Short.atLeast() + " short"
	if r.Verdict == NotFound {
		text += ", unless others move in a way that was not found within the budget"
	}
	return text
}
