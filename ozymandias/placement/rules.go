package placement

import (
	"cmp"
	"math"
	"slices"
)

// measure makes amounts of different dimensions comparable. A dimension weighs what the instances need of it, over what the
// nodes have: the scarcer, the more it counts. These are the "average demand" weights of Panigrahy, Talwar, Uyeda and Wieder,
// Heuristics for Vector Bin Packing (Microsoft Research, 2011), section 4; that bins differ in size is met by taking the sums
// over all bins, as Gabay and Zaourar do: Vector bin packing with heterogeneous bins (Annals of OR 242, 2016), section 3.
type measure struct {
	weight [len(dimensions)]float64 // what is needed, over what there is
	share  [len(dimensions)]float64 // of all there is, per unit
}

func (s *state) newMeasure() (m measure) {
	var needs vector
	for i := range s.needs {
		needs.add(&s.needs[i])
	}
	for d := range m.weight {
		if s.total[d] > 0 {
			m.share[d] = 1 / float64(s.total[d])
			m.weight[d] = float64(needs[d]) * m.share[d]
		}
	}
	return m
}

// The conversions of products below keep a compiler from fusing them with the sum, which would make the last digit, and with
// it a choice between almost equal nodes, a matter of the processor.

// size is the weighted sum of an instance's shares: FFDSum in Panigrahy et al.
func (m *measure) size(v *vector) (sum float64) {
	for d := range v {
		sum += float64(m.weight[d] * m.share[d] * float64(v[d]))
	}
	return sum
}

// dominant is the largest of an instance's shares: Ghodsi et al., Dominant Resource Fairness (NSDI 2011).
func (m *measure) dominant(v *vector) (most float64) {
	for d := range v {
		most = max(most, m.share[d]*float64(v[d]))
	}
	return most
}

// left is what an instance leaves of a node, as a weighted sum: best fit.
func (s *state) left(need *vector, n int32) (sum float64) {
	m, free := &s.measure, &s.free[n]
	for d := range need {
		sum += float64(m.weight[d] * m.share[d] * float64(free[d]-need[d]))
	}
	return sum
}

// distance is what it leaves, as the square of a weighted Euclidean norm: norm-based greedy (L2) in Panigrahy et al.
func (s *state) distance(need *vector, n int32) (sum float64) {
	m, free := &s.measure, &s.free[n]
	for d := range need {
		left := m.share[d] * float64(free[d]-need[d])
		sum += float64(m.weight[d] * left * left)
	}
	return sum
}

// along is the less, the more a node has of what the instance needs most: dot product in Panigrahy et al., over the length of
// what is free so that it is the angle that counts, not the room.
func (s *state) along(need *vector, n int32) (sum float64) {
	m, free := &s.measure, &s.free[n]
	var length float64
	for d := range need {
		has := m.share[d] * float64(free[d])
		sum -= float64(m.weight[d] * m.share[d] * float64(need[d]) * has)
		length += float64(has * has)
	}
	if length == 0 {
		return 0
	}
	return sum / math.Sqrt(length)
}

// first is the same for all nodes: first fit.
func (s *state) first(*vector, int32) float64 { return 0 }

// used is how much of a node is in use with an instance on it: the largest of its shares.
func (s *state) used(need *vector, n int32) (most float64) {
	have := s.nodes[n].Capacity.vector()
	for d := range need {
		if have[d] > 0 {
			most = max(most, float64(have[d]-s.free[n][d]+need[d])/float64(have[d]))
		}
	}
	return most
}

// rule is one way of placing instances one after the other, without moving any.
type rule struct {
	size   func(m *measure, need *vector) float64        // the largest comes first
	score  func(s *state, need *vector, n int32) float64 // the node with the least is taken
	even   bool                                          // of equal ones that with the fewest instances, else the first
	most   float64                                       // it places nothing where the least is more than that; 0: wherever there is room
	spread bool                                          // of the nodes with the fewest of the job
	choosy bool                                          // instances with the fewest nodes to choose from come before larger ones
}

// ample goes before all other rules, while there is plenty: it takes the node that is used least, worst fit. Machines that are there
// anyhow are to share the work, and the loss of one is to cost as little as it can. But where all are in use to some part there is
// no room for what is large, unless others move, which those with volumes cannot; so it is not for more than what leaves half of
// each node free.
var ample = rule{size: (*measure).size, score: (*state).used, even: true, most: half, spread: true}

// half is of each node, and of all there is in sum (halfFull).
const half = 0.5

// rules in the order in which they are tried. The first that places everything is taken, hence those that spread first.
var rules = []rule{
	{size: (*measure).size, score: (*state).left, spread: true},
	{size: (*measure).size, score: (*state).distance, spread: true, choosy: true},
	{size: (*measure).dominant, score: (*state).along, spread: true},
	{size: (*measure).size, score: (*state).left, choosy: true},
	{size: (*measure).dominant, score: (*state).distance},
	{size: (*measure).size, score: (*state).along},
	{size: (*measure).dominant, score: (*state).left},
	{size: (*measure).size, score: (*state).first, choosy: true},
}

// choose is the node that a rule takes for an instance, or none.
func (s *state) choose(i int32, r *rule) int32 {
	best, need := none, &s.needs[i]
	var bestLevel int64
	var bestScore float64
	t := s.tallyFor(i)
	perNode := int64(math.MaxInt64)
	if bound := s.jobs[s.job[i]].perNode; t != nil && bound > 0 {
		perNode = int64(bound)
	}
	for _, n := range s.reach(i) {
		if !need.within(&s.free[n]) {
			continue
		}
		var level int64
		if t != nil {
			if int64(t.on[n]) >= perNode {
				continue
			}
			if r.spread {
				level = t.level(n)
			}
		}
		if best != none && level > bestLevel {
			continue
		}
		score := r.score(s, need, n)
		if best == none || level < bestLevel || score < bestScore || r.even && score == bestScore && len(s.on[n]) < len(s.on[best]) {
			best, bestLevel, bestScore = n, level, score
		}
	}
	if r.most > 0 && bestScore > r.most {
		return none // rather than where there are more of its job
	}
	return best
}

// order puts instances in the order in which a rule places them: the most important first and, of these, what runs already.
// Instances of one job that are alike come together.
func (s *state) order(list []int32, r *rule) {
	if s.sizes == nil {
		s.sizes = make([]float64, len(s.list))
	}
	for _, i := range list {
		s.sizes[i] = r.size(&s.measure, &s.needs[i])
	}
	slices.SortFunc(list, func(i, j int32) int {
		if c := s.byImportance(i, j); c != 0 {
			return c
		}
		if r.choosy {
			if c := cmp.Compare(len(s.kinds[s.kind[i]].nodes), len(s.kinds[s.kind[j]].nodes)); c != 0 {
				return c
			}
		}
		return cmp.Or(cmp.Compare(s.sizes[j], s.sizes[i]), cmp.Compare(i, j))
	})
}

// byImportance is who gets room first: higher priorities, then what runs already.
func (s *state) byImportance(i, j int32) int {
	return cmp.Or(cmp.Compare(s.list[j].Priority, s.list[i].Priority), cmp.Compare(truth(s.home[j] != none), truth(s.home[i] != none)))
}

// attempt is what a rule makes of a list: a node for each that it places.
type attempt struct {
	list   []int32
	at     []int32
	missed []int // how many it does not place, by importance
}

// try places a list by a rule and takes it back again.
func (s *state) try(list []int32, r *rule) attempt {
	a := attempt{list: slices.Clone(list)}
	s.order(a.list, r)
	before := make([]int32, len(list))
	full := map[int32]bool{} // classes for which there is no room any more
	for at, i := range a.list {
		if at == 0 || s.byImportance(a.list[at-1], i) != 0 {
			a.missed = append(a.missed, 0)
		}
		before[at] = s.at[i]
		n := none
		if !full[s.classOf(i)] {
			n = s.settle(i, r)
		}
		if n == none {
			full[s.classOf(i)] = true
			a.missed[len(a.missed)-1]++
		}
		a.at = append(a.at, n)
	}
	for at := len(a.list) - 1; at >= 0; at-- {
		s.move(a.list[at], before[at])
	}
	return a
}

// settle finds a node for an instance that is to be placed and puts it there, or leaves it where it is.
func (s *state) settle(i int32, r *rule) int32 {
	held := s.at[i]
	if held != none {
		s.take(i)
	}
	n := s.choose(i, r)
	if n == none {
		s.move(i, held)
		return none
	}
	s.put(i, n)
	return n
}

// move takes an instance from where it is and puts it elsewhere; none is nowhere.
func (s *state) move(i, n int32) {
	if s.at[i] != none {
		s.take(i)
	}
	if n != none {
		s.put(i, n)
	}
}

// bestAttempt tries the rules until one places everything, and returns the one that misses the least.
func (s *state) bestAttempt(list []int32) (best attempt) {
	if s.halfFull(list) {
		if a := s.try(list, &ample); !slices.Contains(a.at, none) {
			return a
		}
	}
	for r := range rules {
		a := s.try(list, &rules[r])
		if r == 0 || slices.Compare(a.missed, best.missed) < 0 {
			best = a
		}
		if !slices.Contains(best.at, none) {
			break
		}
	}
	return best
}

// halfFull tells whether a list leaves half of all there is free, in sum.
func (s *state) halfFull(list []int32) bool {
	used := s.total
	for n := range s.free {
		if int32(n) != s.dead {
			used.sub(&s.free[n])
		}
	}
	for _, i := range list {
		if s.at[i] == none {
			used.add(&s.needs[i])
		}
	}
	for d := range used {
		if float64(used[d]) > half*float64(s.total[d]) {
			return false
		}
	}
	return true
}
