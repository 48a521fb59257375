package swarm

import (
	"cmp"
	"slices"
)

// basins are all workers, as the kinds of workloads see them, and how many of each kind are where. Workers are told apart
// only by which kinds they may have, so that this is small however many there are.
type basins struct {
	all  []basin
	open [][]int   // by kind: the basins that it may use
	y    [][]int64 // by kind and basin: how many are there
}

func newBasins(all []basin, open [][]int) *basins {
	s := &basins{all: all, open: open, y: make([][]int64, len(open))}
	for k := range s.y {
		s.y[k] = make([]int64, len(all))
	}
	return s
}

// hop is how a workload gets to a basin: as one of a kind, from another basin, or from outside if that is -1.
type hop struct {
	kind, from int
	seen       bool
}

// reach finds the basins where room can be made for one more of the kind from outside, if kind >= 0, or for one less in
// the basin from: along chains in which a workload of one kind moves on so that one of another kind can take its place.
// Each kind occurs at most once in such a chain, since all its basins are reached in one hop.
func (s *basins) reach(kind, from int) []hop {
	hops := make([]hop, len(s.all))
	spread := make([]bool, len(s.open))
	var queue []int
	visit := func(k, from int) {
		spread[k] = true
		for _, to := range s.open[k] {
			if !hops[to].seen {
				hops[to] = hop{k, from, true}
				queue = append(queue, to)
			}
		}
	}
	if kind >= 0 {
		visit(kind, -1)
	} else {
		hops[from].seen = true
		queue = append(queue, from)
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for k := range s.open {
			if !spread[k] && s.y[k][at] > 0 {
				visit(k, at)
			}
		}
	}
	return hops
}

// width is how many can go along the chain that ends in a basin.
func (s *basins) width(hops []hop, start, to int) int64 {
	n := int64(brim)
	for to != start && hops[to].from >= 0 {
		n = min(n, s.y[hops[to].kind][hops[to].from])
		to = hops[to].from
	}
	return n
}

// shift sends n along the chain that ends in a basin. It starts in the basin start, or outside if that is -1.
func (s *basins) shift(hops []hop, start, to int, n int64) {
	s.all[to].n += n
	for to != start {
		h := hops[to]
		s.y[h.kind][to] += n
		if h.from < 0 {
			return
		}
		s.y[h.kind][h.from] -= n
		to = h.from
	}
	s.all[start].n -= n
}

// add puts as many as possible of n workloads of a kind in, moving others if that makes room, and returns how many: the
// most that fit beside what is there already (augmenting paths, Ford and Fulkerson 1956).
func (s *basins) add(kind int, n int64) int64 {
	left := n - s.pour(kind, n)
	for left > 0 {
		hops := s.reach(kind, -1)
		best := -1
		for to, h := range hops {
			if h.seen && s.all[to].n < s.all[to].room() && (best < 0 || s.all[to].next() < s.all[best].next()) {
				best = to
			}
		}
		if best < 0 {
			break
		}
		some := min(left, s.width(hops, -1, best), s.all[best].room()-s.all[best].n)
		s.shift(hops, -1, best, some)
		left -= some
	}
	return n - left
}

// pour shares n workloads of a kind out among the basins that it may use, the lowest first, and returns how many fit.
func (s *basins) pour(kind int, n int64) int64 {
	over := func(level int64) (sum int64) { // how many it takes to fill all up to a level
		for _, b := range s.open[kind] {
			sum += max(0, s.all[b].volume(level)-s.all[b].n)
		}
		return sum
	}
	lo, hi := int64(0), int64(1)
	for _, b := range s.open[kind] {
		hi = max(hi, s.all[b].sorted[len(s.all[b].sorted)-1]+1)
	}
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; over(mid) <= n {
			lo = mid
		} else {
			hi = mid
		}
	}
	left := n
	for _, level := range []int64{lo, lo + 1} { // the last layer may be incomplete
		for _, b := range s.open[kind] {
			some := min(left, max(0, s.all[b].volume(level)-s.all[b].n))
			s.all[b].n += some
			s.y[kind][b] += some
			left -= some
		}
	}
	return n - left
}

// balance moves workloads between basins until no chain leads from a worker to one that has at least two less. Then the
// sum of the squares of the loads is the least possible, and so is every other measure of unevenness; the loads in
// descending order are the lexicographically smallest (Harvey, Ladner, Lovász and Tamir, "Semi-matchings for bipartite graphs
// and load balancing", 2006: cost-reducing paths). Many go along a chain at once, as long as the last one improves.
func (s *basins) balance() {
	order := make([]int, len(s.all))
	for i := range order {
		order[i] = i
	}
	for moved := true; moved; {
		moved = false
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(s.all[b].top(), s.all[a].top()) })
		for _, a := range order {
			if s.all[a].n == 0 {
				continue
			}
			hops := s.reach(-1, a)
			b := a
			for to, h := range hops {
				if h.seen && s.all[to].next() < s.all[b].next() {
					b = to
				}
			}
			if b == a || s.all[b].next() >= s.all[a].top() {
				continue
			}
			from, to := &s.all[a], &s.all[b]
			lo, hi := int64(1), min(s.width(hops, a, b), from.n, to.room()-to.n)+1
			for hi-lo > 1 {
				if mid := lo + (hi-lo)/2; from.level(from.n-mid) > to.level(to.n+mid-1) {
					lo = mid
				} else {
					hi = mid
				}
			}
			s.shift(hops, a, b, lo)
			moved = true
		}
	}
}
