package swarm

import (
	"math"
	"slices"
	"sort"
)

// brim is the level of a basin that takes no more.
const brim = math.MaxInt64

// basin is a set of workers that may have the same workloads, filled like vessels that are connected: n workloads of equal
// weight stand equally high in all of them, but for those that are full and for the last, incomplete layer. That is the
// most even way to share n among them.
type basin struct {
	workers []int32
	slots   []int64 // how many each worker takes; in the order of workers
	sorted  []int64 // the same, ascending
	sum     []int64 // sum[i] is that of sorted[:i]
	n       int64   // workloads in it
}

func (b *basin) seal() {
	b.sorted = slices.Sorted(slices.Values(b.slots))
	b.sum = make([]int64, len(b.sorted)+1)
	for i, s := range b.sorted {
		b.sum[i+1] = b.sum[i] + s
	}
}

// room is how many workloads the basin can take in all.
func (b *basin) room() int64 { return b.sum[len(b.sorted)] }

// volume is how many workloads there are in the basin when they stand at a level.
func (b *basin) volume(level int64) int64 {
	full := sort.Search(len(b.sorted), func(i int) bool { return b.sorted[i] > level })
	return b.sum[full] + int64(len(b.sorted)-full)*level
}

// level is how many workloads the worker has that the next one goes to, when there are n: the lowest that is not full.
// It grows with n; brim if all are full.
func (b *basin) level(n int64) int64 {
	if n >= b.room() {
		return brim
	}
	lo, hi := int64(0), b.sorted[len(b.sorted)-1] // volume(lo) <= n < volume(hi)
	for hi-lo > 1 {
		if mid := lo + (hi-lo)/2; b.volume(mid) <= n {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

// next is the load of the worker that one more would go to.
func (b *basin) next() int64 { return b.level(b.n) }

// top is the load that the worker which one would be taken from has without it; -1 if the basin is empty.
func (b *basin) top() int64 {
	if b.n == 0 {
		return -1
	}
	return b.level(b.n - 1)
}
