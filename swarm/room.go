package swarm

import (
	"cmp"
	"math"
	"slices"
)

// A workload that waits for want of room is given it where one or two others make some: they move from a worker that it may
// use to workers that have room for them. That is looked for on the maxLooked workers with the most room and, of two that
// move together, among the maxPaired heaviest of a worker; in maxRounds rounds, each of which ends after about
// 1<<23 + 8(n+m) looks for n workloads and m workers. Where more than maxWaiting wait, the pool is too small, and it would take
// long to find out who else could run in it.
const (
	maxWaiting = 1000
	maxLooked  = 64
	maxPaired  = 64
	maxRounds  = 16
)

// mover is one round of making room. What it finds depends on who runs where and on who waits, and on nothing else (least of
// all on the previous table): so, where it has found nothing, it finds nothing when all is decided again.
type mover struct {
	s        *weighted
	on       [][]int32 // by worker: the shared workloads that it has, in no order
	lowest   int32     // the lowest priority of these
	priority int32     // what beside goes by
	free     view      // room beside all that runs
	beside   view      // room beside what is not of a lower priority
	effort   int       // what is left of it, in looks at a workload or a worker
}

// view is how much room there is.
type view struct {
	lower []int64   // by worker: the weight of what may be displaced, which counts as room; nil: nothing may
	best  [][]int32 // by kind: the three workers with the most room, or nil if they have to be looked up
}

// opening is a worker that has room for a workload once others have moved.
type opening struct {
	worker int32 // or none
	moves  []shift
	weight int64 // of what moves
}

type shift struct{ workload, to int32 }

// makeRoom looks for room for what waits, by priority and the heaviest first: at first beside all that runs, then in the
// place of lower priorities, which wait in their turn. It tells whether it found any. Then more workloads of some priority
// run, and no fewer of any higher one, so that this comes to an end.
func (s *weighted) makeRoom(list []int32) (waiting []int32, found bool) {
	p := s.p
	list, waiting = s.partition(list)
	if len(list) == 0 || len(list) > maxWaiting {
		return append(waiting, list...), false
	}
	slices.SortFunc(list, func(i, j int32) int {
		a, b := &p.workloads[i], &p.workloads[j]
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(b.units(), a.units()), p.byHash(i, j))
	})
	m := s.newMover()
	hopeless := map[refusal]int64{}
	for _, i := range list {
		w := &p.workloads[i]
		at := refusal{p.kind[i], w.Priority}
		if least, ok := hopeless[at]; ok && w.units() >= least || m.effort <= 0 {
			waiting = append(waiting, i)
			continue
		}
		o, reach := m.find(i)
		if o.worker == none {
			hopeless[at] = reach + 1
			waiting = append(waiting, i)
			continue
		}
		waiting = append(waiting, m.use(i, o)...)
		found = true
	}
	return waiting, found
}

// partition tells workloads that some worker could have from those that none could, whoever moved.
func (s *weighted) partition(list []int32) (possible, impossible []int32) {
	p := s.p
	largest := make([]int64, len(p.kinds)) // by kind: the largest capacity of a worker that it may use; 0: not looked up
	for _, i := range list {
		k := p.kind[i]
		if largest[k] == 0 && len(s.open[k]) > 0 {
			for _, q := range s.open[k] {
				largest[k] = max(largest[k], p.workers[s.queues[q].workers[0]].Capacity)
			}
		}
		if p.units[i] <= largest[k] {
			possible = append(possible, i)
		} else {
			impossible = append(impossible, i)
		}
	}
	return possible, impossible
}

func (s *weighted) newMover() *mover {
	p := s.p
	m := &mover{s: s, on: make([][]int32, len(p.workers)), lowest: math.MaxInt32, effort: 1<<23 + 8*(len(p.workloads)+len(p.workers))}
	for _, i := range s.shared {
		if w := p.at[i]; w != none {
			m.on[w] = append(m.on[w], i)
			m.lowest = min(m.lowest, p.workloads[i].Priority)
		}
	}
	m.free.best = make([][]int32, len(p.kinds))
	return m
}

// find looks for the opening that takes the fewest moves and, of these, moves the least weight; then for the one on the
// worker with the most room, and then by hash. Where there is none, reach is the largest weight for which there is one.
func (m *mover) find(i int32) (found opening, reach int64) {
	views := []*view{&m.free}
	if priority := m.s.p.workloads[i].Priority; priority > m.lowest {
		m.lookBelow(priority)
		views = append(views, &m.beside)
	}
	for _, v := range views {
		workers := m.roomiest(v, m.s.p.kind[i], maxLooked)
		for _, search := range []func(v *view, units int64, w int32, best *opening) int64{m.one, m.two} {
			found = opening{worker: none}
			for _, w := range workers {
				reach = max(reach, search(v, m.s.p.units[i], w, &found))
			}
			if found.worker != none {
				return found, 0
			}
		}
	}
	return found, reach
}

// lookBelow notes what a priority may displace.
func (m *mover) lookBelow(priority int32) {
	if m.beside.lower != nil && m.priority == priority {
		return
	}
	p := m.s.p
	m.effort -= len(m.s.shared)
	m.priority = priority
	m.beside = view{lower: make([]int64, len(p.workers)), best: make([][]int32, len(p.kinds))}
	for _, j := range m.s.shared {
		if w := p.at[j]; w != none && p.workloads[j].Priority < priority {
			m.beside.lower[w] += p.units[j]
		}
	}
}

// room is how much of a worker is free in a view.
func (m *mover) room(v *view, w int32) int64 {
	capacity := m.s.p.workers[w].Capacity
	if capacity == 0 {
		capacity = MaxWeight
	}
	free := capacity - m.s.p.load[w]
	if v.lower != nil {
		free += v.lower[w]
	}
	return free
}

// roomiest are the n workers with the most room of those that a kind may use, in order of room and then of name.
func (m *mover) roomiest(v *view, k int32, n int) []int32 {
	p := m.s.p
	m.effort -= len(p.kinds[k].workers)
	list := make([]int32, 0, n+1)
	before := func(a, b int32) int { return cmp.Or(cmp.Compare(m.room(v, b), m.room(v, a)), cmp.Compare(a, b)) }
	for _, w := range p.kinds[k].workers {
		if m.s.of[w] == none || len(list) == n && before(w, list[n-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(list, w, before)
		list = slices.Insert(list, at, w)
		list = list[:min(n, len(list))]
	}
	return list
}

// elsewhere are the workers other than w that have room for a workload, the two with the most; or none.
func (m *mover) elsewhere(v *view, j, w int32) (first, second int32) {
	p := m.s.p
	k := p.kind[j]
	if v.best[k] == nil {
		v.best[k] = m.roomiest(v, k, 3)
	}
	first = none
	for _, to := range v.best[k] {
		if to == w || m.room(v, to) < p.units[j] {
			continue
		}
		if first != none {
			return first, to
		}
		first = to
	}
	return first, none
}

// movable are the workloads of a worker that fit elsewhere. What may be displaced need not move.
func (m *mover) movable(v *view, w int32) (list []int32) {
	m.effort -= len(m.on[w])
	for _, j := range m.on[w] {
		if v.lower != nil && m.s.p.workloads[j].Priority < m.priority {
			continue
		}
		if to, _ := m.elsewhere(v, j, w); to != none {
			list = append(list, j)
		}
	}
	return list
}

// one looks for room that one move makes on a worker, and returns the most that can be made so.
func (m *mover) one(v *view, units int64, w int32, best *opening) (reach int64) {
	p, room := m.s.p, m.room(v, w)
	least := none
	for _, j := range m.movable(v, w) {
		weight := p.units[j]
		reach = max(reach, room+weight)
		if room+weight < units {
			continue
		}
		if least == none || cmp.Or(cmp.Compare(weight, p.units[least]), p.byHash(j, least)) < 0 {
			least = j
		}
	}
	if least != none && (best.worker == none || p.units[least] < best.weight) {
		to, _ := m.elsewhere(v, least, w)
		*best = opening{w, []shift{{least, to}}, p.units[least]}
	}
	return reach
}

// two looks for room that two moves make on a worker, and returns the most that can be made so.
func (m *mover) two(v *view, units int64, w int32, best *opening) (reach int64) {
	p, room := m.s.p, m.room(v, w)
	list := m.movable(v, w)
	slices.SortFunc(list, p.byWeight)
	list = list[:min(maxPaired, len(list))]
	m.effort -= len(list) * len(list)
	for at, i := range list {
		for _, j := range list[at+1:] {
			weight := p.units[i] + p.units[j]
			better := room+weight >= units && (best.worker == none || weight < best.weight)
			if !better && room+weight <= reach {
				continue
			}
			moves := m.both(v, i, j, w)
			if moves == nil {
				continue
			}
			reach = max(reach, room+weight)
			if better {
				*best = opening{w, moves, weight}
			}
		}
	}
	return reach
}

// both are the moves of two workloads from a worker, or nil if there is no room for both. No worker need be looked at but the
// two with the most room for each: where one is the best for both, it takes both, or else one of them can have its second
// best, because not both go to the same.
func (m *mover) both(v *view, i, j, w int32) []shift {
	p := m.s.p
	to, to2 := m.elsewhere(v, i, w)
	or, or2 := m.elsewhere(v, j, w)
	switch {
	case to != or, m.room(v, to) >= p.units[i]+p.units[j]:
		return []shift{{i, to}, {j, or}}
	case or2 != none:
		return []shift{{i, to}, {j, or2}}
	case to2 != none:
		return []shift{{i, to2}, {j, or}}
	}
	return nil
}

// use moves what is in the way, puts the workload in its place, and displaces the lowest ranks of lower priorities where that
// is too much. It returns these.
func (m *mover) use(i int32, o opening) (displaced []int32) {
	p := m.s.p
	priority := p.workloads[i].Priority
	for _, move := range o.moves {
		m.take(move.workload)
	}
	m.put(i, o.worker)
	changed := []int32{o.worker}
	for _, move := range o.moves {
		m.put(move.workload, move.to)
		changed = append(changed, move.to)
	}
	for _, w := range changed {
		for !p.workers[w].holds(p.load[w]) {
			last := none
			for _, j := range m.on[w] {
				if p.workloads[j].Priority < priority && (last == none || p.byRank(j, last) > 0) {
					last = j
				}
			}
			m.take(last)
			displaced = append(displaced, last)
		}
	}
	clear(m.free.best)
	clear(m.beside.best)
	return displaced
}

func (m *mover) put(i, w int32) {
	m.s.put(i, w)
	m.on[w] = append(m.on[w], i)
	if m.beside.lower != nil && m.s.p.workloads[i].Priority < m.priority {
		m.beside.lower[w] += m.s.p.units[i]
	}
}

func (m *mover) take(i int32) {
	w := m.s.p.at[i]
	m.s.take(i)
	m.on[w] = slices.DeleteFunc(m.on[w], func(j int32) bool { return j == i })
	if m.beside.lower != nil && m.s.p.workloads[i].Priority < m.priority {
		m.beside.lower[w] -= m.s.p.units[i]
	}
}
