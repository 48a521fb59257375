package placement

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Problem is everything that a placement depends on. The order of nodes and instances does not matter; it takes a little
// less time if instances come by job and ID (see [Name.Compare]).
type Problem struct {
	Nodes     []Node
	Instances []Instance

	// Budget is how many steps (a look at a node or an instance) may be spent on finding room by moving instances, and on
	// proving that there is none; 0 stands for [DefaultBudget]. Without any search an instance still gets a look at every
	// node by every rule, which is not counted.
	Budget int
}

// DefaultBudget takes some tens of milliseconds to spend, on large clusters up to 150.
const DefaultBudget = 1 << 22

// Node is a machine.
type Node struct {
	Name     string
	Capacity Resources // for instances: what the system itself needs is not in it
	Labels   map[string]string

	// Closed is why nothing new may go there ("" = it may): what runs there stays.
	Closed string

	// Draining nodes are closed, and what runs there is to leave: it moves where there is room and stays as long as there is
	// none. Closed then says what they are, if not draining.
	Draining bool
}

// Name names an instance: the job and, within it, the ordinal (or the node's name, where a job has one on every node).
type Name struct{ Job, ID string }

func (n Name) String() string { return n.Job + "-" + n.ID }

// Compare orders names by job, then ordinals by number: 9 is before 10.
func (n Name) Compare(m Name) int {
	if c := strings.Compare(n.Job, m.Job); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(len(n.ID), len(m.ID)), strings.Compare(n.ID, m.ID))
}

// Instance is one that is to run.
type Instance struct {
	Name
	Needs Resources

	Node   string // where it runs; "", or a node that is not there (any more): nowhere
	Pinned bool   // it stays where it runs, come what may
	Yields bool   // though pinned, it stops for higher priorities
	Grows  bool   // it asks for more than it has where it runs: before others have to leave for that, it does

	Tied     []string          // the nodes that hold its volumes: it may run on these only; none: on any
	Requires map[string]string // labels that its node must have
	Spread   Spread
	Priority int // higher ones get room first, if need be in the place of lower ones
}

// Spread is how a job's instances keep clear of each other. Whatever it says, an instance prefers the node with the fewest of
// its job, as long as that does not leave others without a place.
type Spread struct {
	PerNode int    // at most so many of the job's instances on one node; 0: any number. The lowest of a job's instances counts.
	Label   string // a node label, such as "zone": instances prefer the value with the fewest of the job, before the node with the fewest
}

// newState checks the input and numbers it.
func newState(p Problem) (*state, error) {
	if p.Budget < 0 {
		return nil, fmt.Errorf("budget is %d steps: it must be positive, or 0 for %d", p.Budget, DefaultBudget)
	}
	s := &state{steps: steps(p.Budget), dead: none, verdict: map[int32]Verdict{}, displacers: map[int32]int32{}}
	if err := s.readNodes(p.Nodes); err != nil {
		return nil, err
	}
	if err := s.readInstances(p.Instances); err != nil {
		return nil, err
	}
	s.measure = s.newMeasure()
	s.findKinds()
	s.findHomes()
	return s, nil
}

func steps(budget int) int { return cmp.Or(budget, DefaultBudget) }

func (s *state) readNodes(nodes []Node) error {
	s.nodes = slices.Clone(nodes)
	slices.SortFunc(s.nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	for i, n := range s.nodes {
		switch {
		case n.Name == "":
			return fmt.Errorf("a node has no name: every node needs one")
		case i > 0 && n.Name == s.nodes[i-1].Name:
			return fmt.Errorf("node %q is there twice: give every node a name of its own", n.Name)
		}
		if err := s.total.sum(n.Capacity, "capacity"); err != nil {
			return fmt.Errorf("node %q: %w", n.Name, err)
		}
		s.free = append(s.free, n.Capacity.vector())
	}
	return nil
}

func (s *state) readInstances(instances []Instance) error {
	if len(instances) > math.MaxInt32 {
		return fmt.Errorf("there are %d instances: at most %d are possible", len(instances), math.MaxInt32)
	}
	s.list = make([]*Instance, len(instances))
	for i := range instances {
		s.list[i] = &instances[i]
	}
	byName := func(a, b *Instance) int { return a.Compare(b.Name) }
	if !slices.IsSortedFunc(s.list, byName) {
		slices.SortFunc(s.list, byName)
	}
	s.needs = make([]vector, len(instances))
	s.pinned = make([]bool, len(instances))
	s.job = make([]int32, len(instances))
	var total vector
	for i, in := range s.list {
		switch {
		case in.Job == "":
			return fmt.Errorf("an instance has no job: every instance needs one")
		case in.ID == "":
			return fmt.Errorf("an instance of job %q has no ID: every instance needs one", in.Job)
		case i > 0 && in.Name == s.list[i-1].Name:
			return fmt.Errorf("instance %q of job %q is there twice: give every instance an ID of its own", in.ID, in.Job)
		case in.Spread.PerNode < 0:
			return fmt.Errorf("instance %s: at most %d on one node: it must be 1 or more, or 0 for any number", in.Name, in.Spread.PerNode)
		}
		if err := total.sum(in.Needs, "needs"); err != nil {
			return fmt.Errorf("instance %s: %w", in.Name, err)
		}
		s.needs[i] = in.Needs.vector()
		if i == 0 || in.Job != s.list[i-1].Job {
			s.jobs = append(s.jobs, job{lo: int32(i)})
		}
		j := &s.jobs[len(s.jobs)-1]
		j.hi = int32(i + 1)
		if most := in.Spread.PerNode; most > 0 && (j.perNode == 0 || most < j.perNode) {
			j.perNode = most
		}
		s.job[i] = int32(len(s.jobs) - 1)
	}
	return nil
}

// sum adds what must not be negative, and may not overflow.
func (v *vector) sum(r Resources, what string) error {
	for i, d := range dimensions {
		switch n := r.Get(d); {
		case n < 0:
			return fmt.Errorf("%s: %s is %d: it must not be negative", what, d, n)
		case n > math.MaxInt64/2-v[i]:
			return fmt.Errorf("%s: %s is %d, which makes more than %d in all: give a size that there is", what, d, n, int64(math.MaxInt64/2))
		default:
			v[i] += n
		}
	}
	return nil
}
