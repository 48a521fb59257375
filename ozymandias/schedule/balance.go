package schedule

import (
	"cmp"
	"math"
	"slices"
	"time"

	"teamtask.dev/ozymandias/placement"
)

// What is moved though it could stay. It is little, as each move interrupts something that works: so there is room between what starts it
// and what ends it, and after each step a while in which it is seen what has come of it.
const (
	apart      = 0.25 // how much more of its memory, as a share, is planned on one node than on another
	overloaded = 1.5  // a load from which on a node is to be eased
	busy       = 1.0  // a load from which on a node is given nothing for its memory
	idle       = 0.75 // a load up to which a node takes from those that are overloaded
	ease       = 3    // moves at once

	steadyApart      = time.Minute     // both nodes' plans have not changed for so long
	steadyOverloaded = 5 * time.Minute // a node is overloaded, and both nodes' plans have not changed, for so long: the load average follows slowly
)

// IsOverloaded tells whether a node's load is so high that, if it stays so, the node is to be eased.
func (n *Node) IsOverloaded() bool { return n.Load >= overloaded }

// balance moves some instances when all is quiet: from nodes that are overloaded, and from full ones to such as have joined empty.
//
// It comes to an end. A move for the sake of memory goes only where, after it, not more of the node is planned than of the one that it
// left. The sum over all nodes of memory planned, squared, over memory there is, becomes smaller by each, by
//
//	m · ((before + after at the one that it leaves) − (before + after at the one that it goes to))     in shares
//
// which is more than nothing. A move for the sake of load proves nothing: perhaps the instance takes the load along. So each is
// moved for that once at a revision ([Planned.Eased]).
func (d *decider) balance() {
	if !d.quiet() {
		return
	}
	b := balancer{decider: d, planned: map[string]placement.Resources{}, number: map[count]int{}, on: map[string][]*want{}, given: map[string]int{}, well: map[*task]bool{}}
	for _, t := range d.tasks {
		b.well[t] = true
	}
	for _, w := range d.wants {
		now := d.where[w.Instance].now
		b.well[w.task] = b.well[w.task] && now.Healthy && now.Settled
		b.put(w, w.at, +1)
		b.on[w.at] = append(b.on[w.at], w)
	}
	for range ease {
		if !b.easeLoad() && !b.fill() {
			return
		}
	}
}

// quiet tells whether everything is where it is to be, and has begun there.
func (d *decider) quiet() bool {
	if len(d.held)+len(d.lost) > 0 {
		return false
	}
	for _, w := range d.wants {
		at, ok := d.where[w.Instance]
		if !ok || w.at != at.node.Name || w.wait != nil || at.Planned.Revision != w.revision || at.now.Phase.beginning() {
			return false
		}
	}
	return !slices.ContainsFunc(d.tasks, func(t *task) bool { return t.waiting && t.underWay() })
}

type balancer struct {
	*decider
	planned map[string]placement.Resources // by node
	number  map[count]int
	on      map[string][]*want // by node, before anything is moved
	given   map[string]int     // how many have been moved to a node
	well    map[*task]bool     // all of its instances work
	moved   []*task
}

// count is of a job's instances on a node.
type count struct {
	task *task
	node string
}

// put counts an instance on a node, or takes it away.
func (b *balancer) put(w *want, node string, n int64) {
	needs := w.spec.Needs()
	sum := b.planned[node]
	sum.Memory += n * int64(needs.Memory)
	sum.CPU += n * int64(needs.CPUs)
	b.planned[node] = sum
	b.number[count{w.task, node}] += int(n)
}

// use is the share of a node's memory that is planned, with so much more.
func (b *balancer) use(n *Node, more int64) float64 {
	if n.Capacity.Memory == 0 {
		return math.Inf(1)
	}
	return float64(b.planned[n.Name].Memory+more) / float64(n.Capacity.Memory)
}

// fill moves an instance from the fullest node that has one to spare to the emptiest that can take it.
func (b *balancer) fill() bool {
	var from, to []*Node
	for i := range b.Nodes {
		if n := &b.Nodes[i]; n.Alive() {
			from = append(from, n)
			if !n.Draining && n.Load < busy {
				to = append(to, n)
			}
		}
	}
	slices.SortStableFunc(from, func(x, y *Node) int { return cmp.Compare(b.use(y, 0), b.use(x, 0)) })
	slices.SortStableFunc(to, func(x, y *Node) int { return cmp.Compare(b.use(x, 0), b.use(y, 0)) })
	for _, x := range from {
		for _, y := range to {
			if b.use(x, 0)-b.use(y, 0) < apart {
				break
			}
			for _, w := range b.on[x.Name] {
				memory := int64(w.spec.Needs().Memory)
				if b.mayMove(w, x, y) && memory > 0 && b.number[count{w.task, y.Name}] < b.number[count{w.task, x.Name}] && b.use(y, memory) <= b.use(x, -memory) {
					return b.move(w, x, y, min(x.Steady, y.Steady), steadyApart, y.Name+" has more room")
				}
			}
		}
	}
	return false
}

// easeLoad moves an instance from an overloaded node to one that is idle: of those that have not been, the one that asks for most of the
// processors.
func (b *balancer) easeLoad() bool {
	for i := range b.Nodes {
		x := &b.Nodes[i]
		if !x.Alive() || !x.IsOverloaded() {
			continue
		}
		var best *want
		var to *Node
		for _, w := range b.on[x.Name] {
			if b.where[w.Instance].Planned.Eased || best != nil && w.spec.Needs().CPUs <= best.spec.Needs().CPUs {
				continue
			}
			for k := range b.Nodes {
				y := &b.Nodes[k]
				if y.Alive() && !y.Draining && y.Load <= idle && b.mayMove(w, x, y) && (best != w || b.rather(w, y, to)) {
					best, to = w, y
				}
			}
		}
		if best != nil {
			best.eased = true
			return b.move(best, x, to, min(x.Steady, to.Steady, x.Overloaded), steadyOverloaded, x.Name+" is overloaded")
		}
	}
	return false
}

// rather tells whether an instance is eased to x rather than to y: where fewer of its job are, then where none has been moved to just now,
// which its load does not show yet, then where the load is less.
func (b *balancer) rather(w *want, x, y *Node) bool {
	return cmp.Or(cmp.Compare(b.number[count{w.task, x.Name}], b.number[count{w.task, y.Name}]), cmp.Compare(b.given[x.Name], b.given[y.Name]),
		cmp.Compare(x.Load, y.Load)) < 0
}

// move notes a move, once things have been as they are since long enough.
func (b *balancer) move(w *want, from, to *Node, since, steady time.Duration, why string) bool {
	if since < steady {
		w.eased = false
		b.again(b.now.Add(steady - since))
		return false
	}
	b.put(w, from.Name, -1)
	b.put(w, to.Name, +1)
	w.at, w.move = to.Name, why
	b.moved = append(b.moved, w.task)
	b.given[to.Name]++
	return true
}

// mayMove tells whether an instance may go from a node to another though nothing asks for it: it works and is one of several that do, none
// of them is moved already; nothing binds it to its node; and it has room, and is allowed, on the other.
func (b *balancer) mayMove(w *want, from, to *Node) bool {
	t, needs, p := w.task, w.spec.Needs(), w.task.Spec.Placement
	switch {
	case w.at != from.Name || from == to || w.stays || w.extra:
		return false
	case t.Stable != t.Revision || t.Spec.Daemon || !t.Spec.Lasts() || needs.Local+needs.Shared > 0 || len(w.spec.HostPorts()) > 0 || slices.Contains(b.moved, t):
		return false
	case !b.well[t] || len(t.ids) < 2 || p.Spread != "" && from.Labels[p.Spread] != to.Labels[p.Spread]:
		return false
	case p.MaxPerNode > 0 && b.number[count{t, to.Name}] >= p.MaxPerNode || !placement.Meets(to.Labels, p.Requires):
		return false
	}
	planned := b.planned[to.Name]
	return planned.Memory+int64(needs.Memory) <= to.Capacity.Memory && planned.CPU+int64(needs.CPUs) <= to.Capacity.CPU
}
