package swarm

import "container/heap"

// lower is what workloads of a priority may displace: those of lower ones. While workloads are placed in order of rank it
// only shrinks, until their priority falls.
type lower struct {
	priority  int32
	load      []int64   // by worker: the sum of the weights
	workloads [][]int32 // by worker: the lowest rank last
}

// findLower looks at what runs.
func (s *weighted) findLower(priority int32) *lower {
	p := s.p
	l := &lower{priority: priority, load: make([]int64, len(p.workers)), workloads: make([][]int32, len(p.workers))}
	for _, j := range s.shared {
		if w := p.at[j]; w != none && p.workloads[j].Priority < priority {
			l.load[w] += p.units[j]
			l.workloads[w] = append(l.workloads[w], j)
		}
	}
	for _, list := range l.workloads {
		p.sortByRank(list)
	}
	return l
}

// displace makes room for a workload on the worker where the least weight of lower priorities has to go for it, the lowest
// rank first. It returns none if there is no such worker.
func (s *weighted) displace(i int32, displaced *pile) int32 {
	p := s.p
	units, priority := p.units[i], p.workloads[i].Priority
	if s.lower == nil || s.lower.priority != priority {
		s.lower = s.findLower(priority)
	}
	l := s.lower
	best, least := none, int64(0)
	for _, w := range p.kinds[p.kind[i]].workers {
		need := p.load[w] + units - p.workers[w].Capacity // above 0, or there would be room
		if s.of[w] != none && need <= l.load[w] && (best == none || need < least) {
			best, least = w, need
		}
	}
	for best != none && !p.workers[best].holds(p.load[best]+units) {
		last := len(l.workloads[best]) - 1
		j := l.workloads[best][last]
		l.workloads[best] = l.workloads[best][:last]
		l.load[best] -= p.units[j]
		s.take(j)
		heap.Push(displaced, j)
	}
	return best
}
