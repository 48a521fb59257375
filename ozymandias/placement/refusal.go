package placement

import (
	"cmp"
	"math"
	"slices"
)

// Refusal is why there is no room for an instance, in figures; [Refusal.String] says it in words. What instances of lower
// priorities have counts as free, unless they are pinned: they would have given way.
type Refusal struct {
	Name
	Asked    Resources
	Requires []string  // labels of its node, as label=value
	Tied     []string  // the nodes that hold its volumes
	PerNode  int       // how many of its job may be on one node; 0: any number
	Verdict  Verdict   // ProvedInfeasible, or NotFound: there may be a way by moving others
	Free     Resources // in sum, on the nodes that it may use
	Usable   int       // how many these are: open, with the labels and volumes, and without as many of its job as they may have
	Binding  Dimension // what is most lacking, or "" where it is not for want of room
	Largest  Gap       // the most that is free of that on one node that it may use
	TooLarge bool      // none of these nodes has as much of that even when it is empty
	Nodes    []Obstacle
	More     int // further nodes, where there are more than 50
	Remedies []Remedy
}

// Gap is what is free on a node.
type Gap struct {
	Node string
	Free Resources
}

// Reason is why a node does not take an instance.
type Reason string

const (
	NoRoom  Reason = "NoRoom"  // it is short of something
	Labels  Reason = "Labels"  // it lacks labels
	Volumes Reason = "Volumes" // the instance's volumes are elsewhere
	Closed  Reason = "Closed"  // nothing new may go there
	PerNode Reason = "PerNode" // it has as many of the job as it may
)

// Obstacle is why one node does not take an instance. They come in the order of how near a node is to taking it.
type Obstacle struct {
	Node    string
	Reason  Reason
	Short   Resources // what is lacking, whatever the reason
	Missing []string  // Labels: as label=value
	Why     string    // Closed: why it is
}

// Remedy is one change that would give an instance a place, the cheapest of its sort.
type Remedy struct {
	Sort     RemedySort
	Node     string
	Add      Resources // what the node needs more
	Instance Name      // Stop: what is there
	Labels   []string  // Label: what the node lacks
	PerNode  int       // Allow: how many of the job would have to be allowed on one node
}

type RemedySort string

const (
	Extend RemedySort = "Extend" // the node
	Stop   RemedySort = "Stop"   // an instance on the node, of whatever priority
	Label  RemedySort = "Label"  // the node
	Open   RemedySort = "Open"   // the node
	Return RemedySort = "Return" // of the node, which holds the volumes and is not there
	Allow  RemedySort = "Allow"  // more of the job on one node
	Grow   RemedySort = "Grow"   // by a node
)

// maxObstacles is how many nodes a refusal tells about: a page.
const maxObstacles = 50

// refusalKey is what instances have in common that are refused alike.
type refusalKey struct {
	class    int32
	job      int32
	priority int
	verdict  Verdict
}

// refuser looks for what stands in an instance's way.
type refuser struct {
	*state
	i      int32
	usable []int32
	room   []vector // by node: what is free for instances of that priority
}

// near is an obstacle and what it takes to overcome it.
type near struct {
	Obstacle
	rank  int     // of the reason
	share float64 // what is short, in parts of what is asked
}

// reasons are in the order of how easily they are overcome.
var reasons = []Reason{NoRoom, PerNode, Closed, Labels, Volumes}

func (a near) compare(b near) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(len(a.Missing), len(b.Missing)), cmp.Compare(a.share, b.share))
}

func (s *state) refusal(i int32, v Verdict, views map[int][]vector) Refusal {
	k := &s.kinds[s.kind[i]]
	r := Refusal{Name: s.list[i].Name, Asked: s.list[i].Needs, Requires: k.missing(&Node{}), Tied: k.tied,
		PerNode: s.jobs[s.job[i]].perNode, Verdict: v}
	f := refuser{state: s, i: i, room: views[s.list[i].Priority]}
	if f.room == nil {
		f.room = s.view(s.list[i].Priority)
		views[s.list[i].Priority] = f.room
	}
	list := make([]near, 0, min(maxObstacles, len(s.nodes))) // the nearest, in order
	for n := range s.nodes {
		if int32(n) == s.dead {
			continue
		}
		o := near{Obstacle: f.obstacle(int32(n))}
		if o.Reason == NoRoom {
			f.usable = append(f.usable, int32(n))
		}
		short := o.Short.vector()
		o.rank, o.share = slices.Index(reasons, o.Reason), f.lack(&short)
		if len(list) == maxObstacles {
			r.More++
			if o.compare(list[maxObstacles-1]) >= 0 {
				continue
			}
			list = list[:maxObstacles-1]
		}
		at, _ := slices.BinarySearchFunc(list, o, func(a, b near) int { return cmp.Or(a.compare(b), -1) })
		list = slices.Insert(list, at, o)
	}
	r.Nodes = make([]Obstacle, 0, len(list))
	for _, o := range list {
		r.Nodes = append(r.Nodes, o.Obstacle)
	}
	f.gaps(&r)
	r.Remedies = f.remedies(r.Nodes)
	return r
}

// view is what is free on the nodes for a priority.
func (s *state) view(priority int) []vector {
	room := slices.Clone(s.free)
	for j, n := range s.at {
		if n != none && s.list[j].Priority < priority && !s.firm(int32(j)) {
			room[n].add(&s.needs[j])
		}
	}
	return room
}

// space is what is free on a node for the instance: what it has there itself, too.
func (f *refuser) space(n int32) vector {
	room := f.room[n]
	if f.at[f.i] == n {
		room.add(&f.needs[f.i])
	}
	return room
}

func (f *refuser) obstacle(n int32) Obstacle {
	node, k := &f.nodes[n], &f.kinds[f.kind[f.i]]
	room := f.space(n)
	short := f.needs[f.i].beyond(&room)
	o := Obstacle{Node: node.Name, Reason: NoRoom, Short: short.resources()}
	switch missing := k.missing(node); {
	case len(k.tied) > 0 && !slices.Contains(k.tied, node.Name):
		o.Reason = Volumes
	case len(missing) > 0:
		o.Reason, o.Missing = Labels, missing
	case node.Draining:
		o.Reason, o.Why = Closed, node.draining()
	case node.Closed != "" && f.refuge(f.i) != n:
		o.Reason, o.Why = Closed, node.Closed
	case f.full(n):
		o.Reason = PerNode
	}
	return o
}

// full tells whether a node has as many of the instance's job as it may, others than that instance.
func (f *refuser) full(n int32) bool {
	most := f.jobs[f.job[f.i]].perNode
	return most > 0 && f.count(f.job[f.i], n)-truth(f.at[f.i] == n) >= most
}

// lack is how much of what is asked is short, each dimension in shares of it.
func (f *refuser) lack(short *vector) (sum float64) {
	for d := range short {
		if short[d] > 0 {
			sum += float64(short[d]) / max(1, float64(f.needs[f.i][d]))
		}
	}
	return sum
}

// gaps finds what is free, and what is most lacking: of the dimensions of which no node has enough the one with the largest
// part missing; if each has enough somewhere, that which the nearest node is short of.
func (f *refuser) gaps(r *Refusal) {
	r.Usable = len(f.usable)
	if r.Usable == 0 {
		return
	}
	var sum, most vector
	where := [len(dimensions)]int32{}
	for d := range most {
		most[d] = math.MinInt64
		for _, n := range f.usable {
			room := f.space(n)[d]
			sum[d] += max(0, room)
			if room > most[d] {
				most[d], where[d] = room, n
			}
		}
	}
	r.Free = sum.resources()
	short := f.needs[f.i].beyond(&most)
	if short == (vector{}) {
		short = r.Nodes[0].Short.vector()
	}
	binding, part := none, 0.0
	for d := range short {
		if p := float64(short[d]) / max(1, float64(f.needs[f.i][d])); short[d] > 0 && p > part {
			binding, part = int32(d), p
		}
	}
	if binding == none {
		return
	}
	n := where[binding]
	r.Binding = dimensions[binding]
	room := f.space(n)
	r.Largest = Gap{Node: f.nodes[n].Name, Free: room.resources()}
	r.TooLarge = !slices.ContainsFunc(f.usable, func(n int32) bool { return f.nodes[n].Capacity.Get(r.Binding) >= r.Asked.Get(r.Binding) })
}

// remedies are the cheapest change to the nearest node, the nearest closed one that would do if it were open, and the smallest
// instance that would have to go from one.
func (f *refuser) remedies(list []Obstacle) []Remedy {
	if len(list) == 0 {
		return []Remedy{{Sort: Grow}}
	}
	k, nearest := &f.kinds[f.kind[f.i]], list[0]
	if len(k.tied) > 0 && !slices.ContainsFunc(k.tied, func(name string) bool { _, ok := f.node(name); return ok }) {
		return []Remedy{{Sort: Return, Node: k.tied[0]}}
	}
	switch nearest.Reason {
	case PerNode:
		grow := Remedy{Sort: Grow}
		if node := spare(list); node != "" {
			grow = Remedy{Sort: Open, Node: node}
		}
		return []Remedy{grow, {Sort: Allow, PerNode: f.count(f.job[f.i], f.number(nearest.Node)) + 1}}
	case Closed:
		return []Remedy{{Sort: Open, Node: nearest.Node, Add: nearest.Short}}
	case Labels:
		return []Remedy{{Sort: Label, Node: nearest.Node, Labels: nearest.Missing, Add: nearest.Short}}
	}
	var out []Remedy
	if nearest.Short != (Resources{}) {
		out = append(out, Remedy{Sort: Extend, Node: nearest.Node, Add: nearest.Short})
	}
	if node := spare(list); node != "" {
		out = append(out, Remedy{Sort: Open, Node: node})
	}
	if j := f.smallest(); j != none {
		out = append(out, Remedy{Sort: Stop, Node: f.nodes[f.at[j]].Name, Instance: f.list[j].Name})
	}
	return out
}

// spare is the first closed node with room, or "".
func spare(list []Obstacle) string {
	for _, o := range list {
		if o.Reason == Closed && o.Short == (Resources{}) {
			return o.Node
		}
	}
	return ""
}

func (f *refuser) number(name string) int32 {
	n, _ := f.node(name)
	return int32(n)
}

// smallest is the smallest instance that runs and makes room by stopping, or none. It is of another job: to have fewer of the one that is
// asked for is no way to have it.
func (f *refuser) smallest() int32 {
	smallest := none
	for _, n := range f.usable {
		room := f.space(n)
		short := f.needs[f.i].beyond(&room)
		for _, j := range f.on[n] {
			if f.home[j] == none || f.job[j] == f.job[f.i] || !short.within(&f.needs[j]) || f.list[j].Priority < f.list[f.i].Priority && !f.firm(int32(j)) { // that counts as free
				continue
			}
			if smallest == none {
				smallest = j
				continue
			}
			sizes := cmp.Compare(f.measure.size(&f.needs[j]), f.measure.size(&f.needs[smallest]))
			if cmp.Or(sizes, cmp.Compare(j, smallest)) < 0 {
				smallest = j
			}
		}
	}
	return smallest
}

// missing are the required labels that a node has not, as label=value.
func (k *kind) missing(n *Node) (missing []string) {
	for label, value := range k.requires {
		if lacks(n.Labels, label, value) {
			missing = append(missing, label+"="+value)
		}
	}
	slices.Sort(missing)
	return missing
}
