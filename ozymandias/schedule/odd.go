package schedule

import (
	"cmp"
	"math"
	"slices"

	"teamtask.dev/ozymandias/placement"
)

// Placement refuses what does not add up: more than most in all, of capacities or of needs. One record with an odd size, be it a file
// system that says it has no end or a job with a slip of the pen, is not to keep everything else from being decided.
const most = math.MaxInt64 / 2

// limit has nodes have no more than can be added up, however many there are: each at most a power of two that all of them could have. That
// is more than a million terabytes where there are few, and never less than any machine has.
func (d *decider) limit() {
	each := int64(1) << 61
	for each > most/max(1, int64(len(d.Nodes))) {
		each /= 2
	}
	for i := range d.Nodes {
		c := &d.Nodes[i].Capacity
		for _, amount := range []*int64{&c.Memory, &c.Disk, &c.CPU} {
			*amount = max(0, min(*amount, each))
		}
	}
}

// omit leaves out what does not add up with all others: it waits. What is planned comes first, then what asks for least.
func (d *decider) omit(wants []*want) {
	sum := placement.Resources{}
	more := func(w *want) bool {
		n := d.needs(w)
		if n.Memory > most-sum.Memory || n.Disk > most-sum.Disk || n.CPU > most-sum.CPU {
			return false
		}
		sum = add(sum, n)
		return true
	}
	if !slices.ContainsFunc(wants, func(w *want) bool { return w.refused == "" && !more(w) }) {
		return
	}
	size := func(w *want) int64 { n := d.needs(w); return max(n.Memory, n.Disk, n.CPU) }
	inOrder := slices.Clone(wants)
	slices.SortStableFunc(inOrder, func(a, b *want) int {
		return cmp.Or(first(a.home != nil, b.home != nil), cmp.Compare(size(a), size(b)))
	})
	sum = placement.Resources{}
	for _, w := range inOrder {
		if w.refused == "" && !more(w) {
			w.refused = "requires " + d.needs(w).String() + ", which with all others is more than can be added up: give a size that there is"
		}
	}
}
