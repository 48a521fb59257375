package placement

import (
	"cmp"
	"slices"
)

// option is a node to go to, and what has to leave it.
type option struct {
	node  int32
	evict []int32
	size  float64 // of what is evicted
	level int64
	score float64
}

// options are all ways of putting an instance somewhere: those that evict the fewest first and, of these, the least; then by
// the first rule.
func (q *search) options(i int32, t twin) (list []option) {
	r := &rules[0]
	tally := q.tallyFor(i)
	floor, bounded := q.floor[t]
	for _, n := range q.reach(i) {
		q.steps--
		if q.steps <= 0 {
			break
		}
		if n == t.from || bounded && n < floor {
			continue
		}
		strays := q.strays(i, n)
		if q.shifts+strays > q.limit {
			q.cut = true
			continue
		}
		o := option{node: n, score: r.score(q.state, &q.needs[i], n)}
		if tally != nil {
			o.level = tally.level(n)
		}
		if q.fits(i, n) {
			list = append(list, o)
			continue
		}
		q.evictions(i, n, q.limit-q.shifts-strays, func(evict []int32) {
			o.evict, o.size = slices.Clone(evict), 0
			for _, j := range evict {
				o.size += q.measure.size(&q.needs[j])
			}
			list = append(list, o)
		})
	}
	slices.SortFunc(list, func(a, b option) int {
		return cmp.Or(cmp.Compare(len(a.evict), len(b.evict)), cmp.Compare(a.size, b.size),
			-cmp.Compare(truth(a.node == q.home[i]), truth(b.node == q.home[i])),
			cmp.Compare(a.level, b.level), cmp.Compare(a.score, b.score), cmp.Compare(a.node, b.node), slices.Compare(a.evict, b.evict))
	})
	return list
}

// evictions yields every least set of instances that make room on a node by leaving it, of those of at most left.
func (q *search) evictions(i, n int32, left int, yield func(evict []int32)) {
	need := q.needs[i]
	room := q.free[n]
	most, same := q.jobs[q.job[i]].perNode, 0
	if most > 0 {
		same = q.count(q.job[i], n)
	}
	list := make([]int32, 0, 16)
	all, others := room, same
	for _, j := range q.on[n] {
		if q.pinned[j] || q.fixed[j] {
			continue
		}
		list = append(list, j)
		all.add(&q.needs[j])
		others -= truth(q.job[j] == q.job[i])
	}
	q.steps -= len(q.on[n])
	if len(list) == 0 || !need.within(&all) || most > 0 && others >= most {
		return
	}
	if left == 0 {
		q.cut = true
		return
	}
	slices.SortFunc(list, func(a, b int32) int {
		sizes := cmp.Compare(q.measure.size(&q.needs[a]), q.measure.size(&q.needs[b]))
		return cmp.Or(sizes, cmp.Compare(q.classOf(a), q.classOf(b)), cmp.Compare(a, b))
	})
	var chosen []int32
	var choose func(start int, room, rest vector, same int)
	choose = func(start int, room, rest vector, same int) {
		q.steps--
		if q.steps <= 0 {
			return
		}
		if need.within(&room) && (most == 0 || same < most) {
			if q.least(i, chosen, room, same) && q.goes(chosen, n, left) {
				yield(chosen)
			}
			return
		}
		if len(chosen) == left {
			q.cut = true
			return
		}
		for at := start; at < len(list) && need.within(&rest); at++ {
			j := list[at]
			if at == start || q.classOf(j) != q.classOf(list[at-1]) {
				chosen = append(chosen, j)
				with := room
				with.add(&q.needs[j])
				choose(at+1, with, rest, same-truth(q.job[j] == q.job[i]))
				chosen = chosen[:len(chosen)-1]
			}
			rest.sub(&q.needs[j])
		}
	}
	choose(0, room, all, same)
}

// least tells whether none of what is chosen could stay.
func (q *search) least(i int32, chosen []int32, room vector, same int) bool {
	most := q.jobs[q.job[i]].perNode
	for _, j := range chosen {
		without := room
		without.sub(&q.needs[j])
		if q.needs[i].within(&without) && (most == 0 || same+truth(q.job[j] == q.job[i]) < most) {
			return false
		}
	}
	return true
}

// goes tells whether what leaves a node with the last shifts that are left has anywhere to go, each for itself.
func (q *search) goes(chosen []int32, n int32, left int) bool {
	if len(chosen) < left {
		return true
	}
	for _, j := range chosen {
		if !q.somewhere(j, n) {
			q.cut = true
			return false
		}
	}
	return true
}

// targets are where instances of a class could go.
type targets struct {
	sure []int32 // nodes that had room in the beginning, at most maxTargets
	ask  []int32 // nodes that were not as in the beginning when this was looked up
}

// maxTargets need only be more than the nodes that a short search touches.
const maxTargets = 16

// somewhere tells whether a node other than the one on which an instance is has room for it as things are.
func (q *search) somewhere(j, from int32) bool {
	c := q.classOf(j)
	t, ok := q.targets[c]
	if !ok {
		t = q.look(j)
		q.targets[c] = t
	}
	for _, n := range t.sure {
		if n != from && !slices.Contains(q.touched, n) {
			return true
		}
	}
	reach := q.reach(j)
	ask := reach
	if len(t.sure) < maxTargets { // these are all
		ask = slices.Concat(q.touched, t.ask)
	}
	for _, n := range ask {
		q.steps--
		if n == from || !q.fits(j, n) {
			continue
		}
		if _, ok := slices.BinarySearch(reach, n); ok {
			return true
		}
	}
	return false
}

func (q *search) look(j int32) targets {
	t := targets{ask: slices.Clone(q.touched)}
	for _, n := range q.reach(j) {
		q.steps--
		if !slices.Contains(q.touched, n) && q.fits(j, n) {
			if t.sure = append(t.sure, n); len(t.sure) == maxTargets {
				break
			}
		}
	}
	return t
}
