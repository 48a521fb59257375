package placement

import (
	"slices"
)

// brute knows everything about a small problem by trying all placements. It shares no code with what it judges.
type brute struct {
	p     Problem
	nodes map[string]*Node
	grace map[Name]bool // what may stay where it runs though it should leave
	left  map[Name]bool // what was pinned and has yielded: it may be where it might go if it were new
	loose bool          // as many of a job may stay on a node as run there
}

func newBrute(p Problem) *brute {
	b := &brute{p: p, nodes: map[string]*Node{}}
	for i := range p.Nodes {
		b.nodes[p.Nodes[i].Name] = &p.Nodes[i]
	}
	return b
}

// runs tells whether an instance runs on some node that is there.
func (b *brute) runs(in *Instance) bool { return b.nodes[in.Node] != nil }

// allowed tells whether an instance may be on a node, room aside.
func (b *brute) allowed(in *Instance, n *Node) bool {
	here := in.Node == n.Name
	pinned := in.Pinned && !b.left[in.Name]
	if here && (pinned || b.grace[in.Name]) {
		return true
	}
	if b.runs(in) && pinned || n.Draining || n.Closed != "" && !here {
		return false
	}
	if len(in.Tied) > 0 && !slices.Contains(in.Tied, n.Name) {
		return false
	}
	for k, v := range in.Requires {
		if has, ok := n.Labels[k]; !ok || has != v {
			return false
		}
	}
	return true
}

// perNode is the bound for a job: the least that any of its instances asks for.
func (b *brute) perNode(job string) (most int) {
	for _, in := range b.p.Instances {
		if in.Job == job && in.Spread.PerNode > 0 && (most == 0 || in.Spread.PerNode < most) {
			most = in.Spread.PerNode
		}
	}
	return most
}

// sound tells what is wrong with what is on a node, room and number of a job being what matters; "" if nothing is. What is
// pinned may be too much, but then nothing else may be there.
func (b *brute) sound(n *Node, on []*Instance) string {
	jobs, movable := map[string]int{}, map[string]int{}
	movables := false
	for _, in := range on {
		jobs[in.Job]++
		movables = movables || !in.Pinned || in.Yields || in.Node != n.Name
		if !in.Pinned && !b.loose || in.Node != n.Name {
			movable[in.Job]++
		}
	}
	if movables && b.tooMuch(n, on) {
		return "more than its capacity"
	}
	for job, count := range jobs {
		if most := b.perNode(job); most > 0 && count > most && movable[job] > 0 {
			return "too many of " + job
		}
	}
	return ""
}

// tooMuch tells whether instances need more than a node has.
func (b *brute) tooMuch(n *Node, on []*Instance) bool {
	var sum Resources
	for _, in := range on {
		sum = Resources{sum.Memory + in.Needs.Memory, sum.Disk + in.Needs.Disk, sum.CPU + in.Needs.CPU}
	}
	return sum.Memory > n.Capacity.Memory || sum.Disk > n.Capacity.Disk || sum.CPU > n.Capacity.CPU
}

// fewest is the least number of moves with which all of a list are placed, or -1 if there is no way.
func (b *brute) fewest(list []*Instance) int {
	best := -1
	on := map[string][]*Instance{}
	var place func(at, moves int)
	place = func(at, moves int) {
		if best >= 0 && moves >= best {
			return
		}
		if at == len(list) {
			best = moves
			return
		}
		in := list[at]
		for i := range b.p.Nodes {
			n := &b.p.Nodes[i]
			if !b.allowed(in, n) {
				continue
			}
			on[n.Name] = append(on[n.Name], in)
			if b.sound(n, on[n.Name]) == "" {
				cost := 0
				if b.runs(in) && in.Node != n.Name {
					cost = 1
				}
				place(at+1, moves+cost)
			}
			on[n.Name] = on[n.Name][:len(on[n.Name])-1]
		}
	}
	// Pinned ones first: whether they are too many is no question of what else there is.
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(x, y *Instance) int { return truth(y.Pinned && b.runs(y)) - truth(x.Pinned && b.runs(x)) })
	place(0, 0)
	return best
}

func (b *brute) all() (list []*Instance) {
	for i := range b.p.Instances {
		list = append(list, &b.p.Instances[i])
	}
	return list
}
