package placement

import (
	"cmp"
	"slices"
)

// search looks for room by moving instances that may be moved. It places a queue of instances, the largest first; one that
// goes where there is no room for it evicts others, which join the queue and may not come back there. What the search has put
// somewhere stays.
//
// It finds every placement that moves at most limit instances, if there is one: let M be what that placement moves, and
// let i be next in the queue and go to n in it. All that is on n and not in M stays there in that placement, together with i,
// so that it is enough to evict some of M from n, and some least set of these is among those that are tried. Each joins the
// queue, and has in that placement a node other than n. Members of M that are never evicted may as well stay. So raising the
// limit from 0 finds the fewest moves first (repair by none, by one, by two moves, and so on), and where nothing is found
// without the limit ever being felt, there is nothing: that is a proof.
//
// Two instances of a class that come from the same node, or from none, might change places: of these only the placements
// are tried in which the one that is evicted and placed first gets the lower node.
type search struct {
	*state
	limit   int  // on shifts
	shifts  int  // evictions so far, and what could have stayed at home and does not
	cut     bool // the limit has been felt
	steps   int  // what is left
	queue   []int32
	fixed   map[int32]bool    // what the search has placed
	from    map[int32]int32   // by instance that is or was in the queue: where it was evicted
	floor   map[twin]int32    // the node of the last one placed: the next goes there or to a higher one
	touched []int32           // nodes that are not as they were in the beginning
	targets map[int32]targets // by class
}

// twin is what instances have in common that might change places: a class, the node that they were evicted from, and a home to
// which they could return.
type twin struct{ class, from, home int32 }

// limits are the numbers of shifts that are tried one after the other. The first few find the fewest moves; then the aim is
// to find any, or to prove that there are none.
var limits = []int{0, 1, 2, 3, 4, 8, 16, 64, 1 << 30}

// deepen places a list, none of which is anywhere, with as few shifts as it takes. Where it finds nothing, it tells whether
// that is proven; all is then as it was. It spends at most the allowance, of which every limit may take half of what is left:
// where the fewest moves are too many to be found so soon, more moves are better than none.
func (s *state) deepen(list []int32, allowance int) (found, proven bool) {
	for _, limit := range limits {
		share := min(allowance, s.steps) / 2
		q := search{state: s, limit: limit, steps: share, queue: slices.Clone(list),
			fixed: map[int32]bool{}, from: map[int32]int32{}, floor: map[twin]int32{}, targets: map[int32]targets{}}
		found := q.run()
		spent := share - max(0, q.steps)
		s.steps -= spent
		allowance -= spent
		if found {
			return true, false
		}
		if q.steps > 0 && !q.cut {
			return false, true
		}
	}
	return false, false
}

// run places what is in the queue, or leaves all as it was.
func (q *search) run() bool {
	if len(q.queue) == 0 {
		return true
	}
	i := q.next()
	t := q.twin(i)
	floor, bounded := q.floor[t]
	for _, o := range q.options(i, t) {
		if q.steps <= 0 {
			break
		}
		q.apply(i, &o)
		q.floor[t] = o.node
		if q.run() {
			return true
		}
		q.revert(i, &o)
	}
	if bounded {
		q.floor[t] = floor
	} else {
		delete(q.floor, t)
	}
	q.queue = append(q.queue, i)
	return false
}

// next takes the largest from the queue.
func (q *search) next() int32 {
	first := 0
	for at, i := range q.queue {
		best := q.queue[first]
		if cmp.Or(cmp.Compare(q.measure.size(&q.needs[best]), q.measure.size(&q.needs[i])), cmp.Compare(i, best)) < 0 {
			first = at
		}
	}
	i := q.queue[first]
	q.queue = slices.Delete(q.queue, first, first+1)
	return i
}

func (q *search) twin(i int32) twin {
	t := twin{q.classOf(i), none, none}
	if from, evicted := q.from[i]; evicted {
		t.from = from
	} else if q.mayStray(i) {
		t.home = q.home[i]
	}
	return t
}

// mayStray tells whether an instance of the first queue could go back home: it is one of several that are too many there, and
// any of these may leave.
func (q *search) mayStray(i int32) bool {
	return q.home[i] != none && (q.leave[i] == crowded || q.leave[i] == evicted)
}

// strays is 1 where an instance of the first queue goes elsewhere than home though it could stay. For the others a move is
// counted when they are evicted.
func (q *search) strays(i, n int32) int {
	_, was := q.from[i]
	return truth(!was && q.mayStray(i) && q.home[i] != n)
}

func (q *search) apply(i int32, o *option) {
	for _, j := range o.evict {
		q.take(j)
		q.from[j] = o.node
		q.queue = append(q.queue, j)
	}
	q.shifts += len(o.evict) + q.strays(i, o.node)
	q.put(i, o.node)
	q.fixed[i] = true
	q.touched = append(q.touched, o.node)
}

func (q *search) revert(i int32, o *option) {
	q.touched = q.touched[:len(q.touched)-1]
	delete(q.fixed, i)
	q.take(i)
	q.shifts -= len(o.evict) + q.strays(i, o.node)
	for _, j := range o.evict {
		at := slices.Index(q.queue, j)
		q.queue = slices.Delete(q.queue, at, at+1)
		delete(q.from, j)
		q.put(j, o.node)
	}
}
