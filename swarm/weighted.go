package swarm

import (
	"container/heap"
	"encoding/binary"
	"slices"
)

// weighted shares out workloads that differ in weight, or in more kinds than even can count. To do that perfectly is bin
// packing, which is NP-hard, so that this is a sequence of simple steps, each of which says what it guarantees: keep what
// can stay, place the rest, level, make room for what waits.
type weighted struct {
	p      *problem
	shared []int32
	queues []*queue  // of workers that are alike: the same kinds, the same capacity
	open   [][]int32 // by kind: the queues of the workers that it may use
	of     []int32   // by worker: its queue, or none if it is in none
	lower  *lower    // what may be displaced at present, or nil
}

// shareByWeight assigns workloads, however much they differ.
func (p *problem) shareByWeight() {
	s := &weighted{p: p, shared: p.shared}
	s.findQueues()
	waiting := s.keep()
	for round := 0; ; {
		waiting = s.place(waiting)
		moved := s.level()
		if len(waiting) == 0 {
			return
		}
		if moved {
			continue // that may have left room for what waits
		}
		if round++; round > maxRounds {
			p.proven = false
			return
		}
		var found bool
		if waiting, found = s.makeRoom(waiting); !found {
			return
		}
	}
}

// findQueues puts workers that are alike together: the least loaded of these is the best for every workload, so that only
// one of each queue has to be looked at.
func (s *weighted) findQueues() {
	p := s.p
	key := make([][]byte, len(p.workers))
	for k := range p.kinds {
		for _, w := range p.kinds[k].workers {
			if p.held[w] == none {
				key[w] = binary.AppendUvarint(key[w], uint64(k))
			}
		}
	}
	type alike struct {
		kinds    string
		capacity int64
	}
	ids := map[alike]int32{}
	place := make([]int, len(p.workers))
	s.of = slices.Repeat([]int32{none}, len(p.workers))
	for w := range p.workers {
		if len(key[w]) == 0 {
			continue
		}
		a := alike{string(key[w]), p.workers[w].Capacity}
		id, ok := ids[a]
		if !ok {
			id = int32(len(s.queues))
			ids[a] = id
			s.queues = append(s.queues, &queue{load: p.load, place: place})
		}
		s.of[w] = id
		s.queues[id].add(int32(w))
	}
	s.open = make([][]int32, len(p.kinds))
	for k := range p.kinds {
		for _, w := range p.kinds[k].workers {
			if id := s.of[w]; id != none {
				s.open[k] = append(s.open[k], id)
			}
		}
		slices.Sort(s.open[k])
		s.open[k] = slices.Clip(slices.Compact(s.open[k]))
	}
}

func (s *weighted) put(i, w int32) {
	s.p.put(i, w)
	s.queues[s.of[w]].fix(w)
}

func (s *weighted) take(i int32) {
	w := s.p.at[i]
	s.p.take(i)
	s.queues[s.of[w]].fix(w)
}

// lightest is the worker with the smallest load of those that a kind may use and that have room for a weight, or none.
func (s *weighted) lightest(kind int32, units int64) int32 {
	p, best := s.p, none
	for _, q := range s.open[kind] {
		w := s.queues[q].workers[0]
		if p.workers[w].holds(p.load[w]+units) && (best == none || p.load[w] < p.load[best] || p.load[w] == p.load[best] && w < best) {
			best = w
		}
	}
	return best
}

// mayUse is that of the problem for workers that are in a queue, without looking at labels.
func (s *weighted) mayUse(i, w int32) bool {
	_, open := slices.BinarySearch(s.open[s.p.kind[i]], s.of[w])
	return open && s.p.workers[w].holds(s.p.units[i])
}

// keep lets what has a worker stay there, in order of rank as far as there is room, and returns what is to be placed.
func (s *weighted) keep() (rest []int32) {
	p := s.p
	crowded := map[int32][]int32{}
	total := make([]int64, len(p.workers))
	stays := make([]bool, len(s.shared))
	for at, i := range s.shared {
		if w := p.owner[i]; w != none && s.mayUse(i, w) {
			stays[at] = true
			total[w] += p.units[i]
		}
	}
	for at, i := range s.shared {
		switch w := p.owner[i]; {
		case !stays[at]:
			rest = append(rest, i)
		case !p.workers[w].holds(total[w]):
			crowded[w] = append(crowded[w], i)
		default:
			p.put(i, w)
		}
	}
	for w, list := range crowded {
		p.sortByRank(list)
		for _, i := range list {
			if p.workers[w].holds(p.load[w] + p.units[i]) {
				p.put(i, w)
			} else {
				rest = append(rest, i)
			}
		}
	}
	for _, q := range s.queues {
		q.order()
	}
	return rest
}

// place gives workloads to workers in order of rank, each to the one with the smallest load that has room; where none has,
// it takes the place of lower priorities, which are then placed in their turn. It returns what waits in the end: where one
// waits, no worker that it may use has room for it beside workloads of its own and higher priorities.
func (s *weighted) place(rest []int32) (waiting []int32) {
	p := s.p
	p.sortByRank(rest)
	s.lower = nil
	displaced := &pile{before: p.byRank}
	hopeless := map[refusal]int64{}
	for len(rest) > 0 || displaced.Len() > 0 {
		var i int32
		if displaced.Len() > 0 && (len(rest) == 0 || p.byRank(displaced.list[0], rest[0]) < 0) {
			i = heap.Pop(displaced).(int32)
		} else {
			i, rest = rest[0], rest[1:]
		}
		w := s.lightest(p.kind[i], p.units[i])
		if w == none {
			at := refusal{p.kind[i], p.workloads[i].Priority}
			if least, ok := hopeless[at]; ok && p.units[i] >= least {
				waiting = append(waiting, i)
				continue
			}
			if w = s.displace(i, displaced); w == none {
				hopeless[at] = p.units[i]
				waiting = append(waiting, i)
				continue
			}
		}
		s.put(i, w)
	}
	return waiting
}

// refusal is what could not be placed: heavier ones of the same sort need not be tried. While workloads are placed in order
// of rank, the room beside their own and higher priorities only shrinks.
type refusal struct {
	kind     int32
	priority int32
}

// rounds bounds how often level looks through all workloads. Without labels and capacities one round is enough.
const rounds = 16

// level moves workloads, the heaviest first, to the worker with the smallest load that has room, wherever that one is then
// left with less than the other had, and one of them is off the ideal by more than the slack: a tenth of the ideal, at most
// the largest weight. It tells whether anything moved.
//
// Without labels and capacities one round brings every load within the largest weight W of the ideal I, and each workload
// moves once at most. A worker that receives was the least loaded, at most I, and so has at most I+W afterwards. One with
// more than I+W gives, whatever the workload, as the other would be left with at most I+W: until it has no more than that.
// And were a worker left with less than I-W at the end, it would have been the least loaded all the time, because the
// smallest load never falls; then every workload of a worker with at least I would have gone to it when its turn came,
// being no heavier than W. (Even-Dar, Kesselman and Mansour, "Convergence time to Nash equilibria", 2003, show that with no
// slack at all this order ends in one round, too: lighter workloads that move later give no heavier one a reason to.)
func (s *weighted) level() (moved bool) {
	p := s.p
	load, workers := p.sharedLoad()
	if workers == 0 {
		return false
	}
	heaviest := int64(0)
	for _, i := range s.shared {
		heaviest = max(heaviest, p.units[i])
	}
	slack := min(heaviest, load/workers/10)
	b := band{load/workers + slack, (load+workers-1)/workers - slack}
	for range rounds {
		if !s.levelOnce(b) {
			return moved
		}
		moved = true
	}
	p.proven = false
	return moved
}

// band is where loads may be without anything moving because of them.
type band struct{ most, least int64 }

// levelOnce is one round of level.
func (s *weighted) levelOnce(b band) (moved bool) {
	p := s.p
	over := 0 // workers with too much
	for w := range p.workers {
		if s.of[w] != none && p.load[w] > b.most {
			over++
		}
	}
	heaviest := s.restless(b)
	for heaviest.Len() > 0 && (over > 0 || s.lowest() < b.least) { // where all is well, the rest need not be looked at
		i := heap.Pop(heaviest).(int32)
		from, to := p.at[i], s.lightest(p.kind[i], p.units[i])
		if !s.better(i, to, b) {
			continue
		}
		was := p.load[from] > b.most
		s.take(i)
		s.put(i, to)
		if was && p.load[from] <= b.most {
			over--
		}
		if now := p.load[to]; now > b.most && now-p.units[i] <= b.most {
			over++
		}
		moved = true
	}
	return moved
}

// better tells whether a workload should move to a worker.
func (s *weighted) better(i, to int32, b band) bool {
	if to == none {
		return false
	}
	from, load := s.p.at[i], s.p.load
	return load[to]+s.p.units[i] < load[from] && (load[from] > b.most || load[to] < b.least)
}

// restless are the workloads that would move, the heaviest first.
func (s *weighted) restless(b band) *pile {
	p := s.p
	h := &pile{before: p.byWeight, list: make([]int32, 0, len(s.shared))}
	lightest := make([]int32, len(p.kinds)) // by kind, whether it has room or not
	for k := range lightest {
		lightest[k] = s.lightest(int32(k), 0)
	}
	for _, i := range s.shared {
		to := lightest[p.kind[i]]
		if p.at[i] == none || !s.better(i, to, b) { // then no worker with more on it is better
			continue
		}
		if !p.workers[to].holds(p.load[to]+p.units[i]) && !s.better(i, s.lightest(p.kind[i], p.units[i]), b) {
			continue
		}
		h.list = append(h.list, i)
	}
	heap.Init(h)
	return h
}

// lowest is the smallest load.
func (s *weighted) lowest() int64 {
	var lowest int64 = MaxWeight
	for _, q := range s.queues {
		lowest = min(lowest, s.p.load[q.workers[0]])
	}
	return lowest
}
