package placement

import "slices"

const none = int32(-1)

// state is a problem with numbers for names, and what is decided so far. Nodes are numbered by name and instances by job and
// ID, so that numbers do not depend on the order of input.
type state struct {
	nodes  []Node
	dead   int32 // the node that is thought away, or none
	list   []*Instance
	needs  []vector
	pinned []bool // by instance: it runs and may not be moved
	total  vector // of the nodes' capacities

	jobs  []job
	job   []int32 // by instance
	kinds []kind
	kind  []int32 // by instance
	home  []int32 // by instance: where it runs when all begins, or none
	leave []leave // by instance: why it is to leave its home

	// What is decided.
	at    []int32   // by instance: its node, or none
	on    [][]int32 // by node: what is there, in the order in which it came
	free  []vector  // by node: less than nothing where pinned instances hold more than there is
	tally tally

	measure    measure
	sizes      []float64 // by instance: room for the keys by which order sorts
	classes    map[class]int32
	class      []int32 // by instance, or none: not looked up
	steps      int     // what is left of the budget
	verdict    map[int32]Verdict
	displacers map[int32]int32 // by instance that has to stop: the one in whose favour
}

// job is the instances lo to hi-1.
type job struct {
	lo, hi  int32
	perNode int // 0: no bound
}

// leave is why an instance is to leave its home.
type leave uint8

const (
	stays     leave = iota
	drained         // its node is draining
	misplaced       // its node has not the labels or the volumes
	crowded         // there are more than PerNode of its job: another one may leave instead
	evicted         // its node has less than what runs there
)

func (s *state) put(i, n int32) {
	s.at[i] = n
	s.on[n] = append(s.on[n], i)
	s.free[n].sub(&s.needs[i])
	s.tally.note(s.job[i], n, 1)
}

func (s *state) take(i int32) {
	n := s.at[i]
	s.at[i] = none
	at := len(s.on[n]) - 1
	for s.on[n][at] != i {
		at--
	}
	s.on[n] = slices.Delete(s.on[n], at, at+1)
	s.free[n].add(&s.needs[i])
	s.tally.note(s.job[i], n, -1)
}

// fits tells whether a node that an instance may use has room for it.
func (s *state) fits(i, n int32) bool {
	if !s.needs[i].within(&s.free[n]) {
		return false
	}
	most := s.jobs[s.job[i]].perNode
	return most == 0 || s.count(s.job[i], n) < most
}

// count is how many of a job are on a node.
func (s *state) count(job, n int32) (count int) {
	for _, i := range s.on[n] {
		if s.job[i] == job {
			count++
		}
	}
	return count
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}
