package schedule

import (
	"cmp"
	"slices"
	"strings"

	"teamtask.dev/ozymandias/job"
)

// storage is what the shared volumes of a job ask for: that all its instances are where these are. That is one node or, of nodes
// that have a file system in common (see [StorageLabel]), all of them.
type storage struct {
	groups  [][]string // the choices, the best first
	choice  int
	carrier *want // who is counted for the space, where it is not taken yet: one at the revision that asks for most, and planned if any is
}

// store finds where the shared volumes of a job are or could be. While something of the job is planned it is where that is; else
// where the volumes are that were used last, of those on nodes that are alive; else they begin anew. On a draining node they stay: unlike one that is
// lost, it can still be asked not to lose them.
func (d *decider) store(t *task, wants []*want) {
	if t.Spec.Needs().Shared == 0 || len(wants) == 0 {
		return
	}
	s := &storage{}
	t.storage = s
	for _, w := range wants {
		if w.home != nil {
			s.groups = [][]string{d.sharing(w.home)}
			if !has(w.home, Instance{Job: t.UID}) && w.home.Labels[StorageLabel] == "" { // nothing has been kept there yet
				s.groups = append(s.groups, d.stores(t)...)
			}
			break
		}
	}
	if keepers := d.keepers(Instance{Job: t.UID}); len(s.groups) == 0 && len(keepers) > 0 {
		s.groups = [][]string{d.sharing(keepers[0])}
	}
	if len(s.groups) == 0 {
		s.groups = d.stores(t)
	}
	if len(s.groups) == 0 {
		s.groups = [][]string{nil} // no node at all: placement says so
	}
	s.carrier = slices.MinFunc(wants, func(a, b *want) int {
		return cmp.Or(-cmp.Compare(a.spec.Needs().Shared, b.spec.Needs().Shared), first(a.home != nil, b.home != nil))
	})
}

// takes is how much more disk the shared volumes of a job take at a revision, where they are to be: none in storage that nodes have in
// common, which is not the nodes' own. What is there already is counted apart.
func (d *decider) takes(t *task, spec *job.Job) (more int64) {
	n, owner := &Node{}, Instance{Job: t.UID}
	if group := t.storage.groups[t.storage.choice]; len(group) > 0 {
		n = d.Node(group[0])
	}
	if n.Labels[StorageLabel] != "" {
		return 0
	}
	for name, v := range spec.Volumes() {
		if v.Type != job.Shared {
			continue
		}
		there := int64(0)
		if !d.dispensable[ownerOn{n.Name, owner}] {
			there = n.space(owner, name)
		}
		more += max(0, int64(v.Space)-there)
	}
	return more
}

// space is how large a volume on a node is, which may be more than its job asks for now: what has been given is not taken back.
func (n *Node) space(owner Instance, name string) int64 {
	for _, v := range n.Volumes {
		if v.Instance == owner && v.Name == name {
			return v.Space
		}
	}
	return 0
}

// sharing are the nodes that have the same shared volumes as n.
func (d *decider) sharing(n *Node) (group []string) {
	value := n.Labels[StorageLabel]
	if value == "" {
		return []string{n.Name}
	}
	for i := range d.Nodes {
		if m := &d.Nodes[i]; m.Alive() && m.Labels[StorageLabel] == value {
			group = append(group, m.Name)
		}
	}
	return group
}

// stores are where the shared volumes of a job could begin: storage that several nodes have rather than one node's, as it
// outlives the node; then where most memory is not planned.
func (d *decider) stores(t *task) (groups [][]string) {
	free := map[string]int64{}
	for i := range d.Nodes {
		free[d.Nodes[i].Name] = d.Nodes[i].Capacity.Memory
	}
	for i, at := range d.where {
		if j := d.Job(i.Job); j != nil {
			if spec := j.At(at.Planned.Revision); spec != nil {
				free[at.node.Name] -= int64(spec.Needs().Memory)
			}
		}
	}
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if !n.Alive() || n.Draining {
			continue
		}
		if group := d.sharing(n); !slices.ContainsFunc(groups, func(g []string) bool { return g[0] == group[0] }) {
			groups = append(groups, group)
		}
	}
	room := func(group []string) (sum int64) {
		for _, name := range group {
			sum += free[name]
		}
		return sum
	}
	common := func(group []string) int {
		if d.Node(group[0]).Labels[StorageLabel] != "" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(groups, func(a, b []string) int {
		return cmp.Or(cmp.Compare(common(a), common(b)), cmp.Compare(room(b), room(a)), strings.Compare(a[0], b[0]))
	})
	return groups
}

// tie keeps an instance with local volumes to the node that has them, as long as that is alive and not draining. Where it does not
// fit there any more, or may not stay, it goes where it left volumes before, to the last it used of these; so does one that
// runs at a revision without any, and is to have them again. Only where there are none, or it does not fit, it begins with empty ones. One
// that publishes ports keeps to its node, too, as others of the cluster keep away from it: placement does not know of ports and would
// move it among them.
func (d *decider) tie(w *want) {
	volumes := w.spec.Needs().Local > 0
	if !volumes && len(w.spec.HostPorts()) == 0 || w.stays && !w.yields() || w.sticks != "" {
		return
	}
	var nodes []*Node
	if volumes {
		nodes = d.keepers(w.Instance)
	}
	if w.home != nil {
		at := 0
		if d.bare(w) {
			at = len(nodes)
		}
		nodes = slices.Insert(nodes, at, w.home)
	}
	for _, n := range nodes {
		if !n.Draining && !slices.Contains(w.tied, n.Name) {
			w.tied = append(w.tied, n.Name)
		}
	}
}

// bare tells whether an instance is to have volumes of its own again, and is planned at a revision without any.
func (d *decider) bare(w *want) bool {
	return w.home != nil && w.spec.Needs().Local > 0 && w.task.runs(d.where[w.Instance].Planned.Revision).Needs().Local == 0
}

// keepers are the living nodes that have a volume of an instance, or of a job, the one used last first.
func (d *decider) keepers(i Instance) (nodes []*Node) {
	for at := range d.Nodes {
		if n := &d.Nodes[at]; n.Alive() && has(n, i) {
			nodes = append(nodes, n)
		}
	}
	slices.SortStableFunc(nodes, func(a, b *Node) int { return cmp.Compare(used(b, i), used(a, i)) })
	return nodes
}

// used is the epoch at which an instance, or one of a job, last used a volume that it has on a node.
func used(n *Node, i Instance) (epoch int64) {
	for _, v := range n.Volumes {
		if v.Instance == i {
			epoch = max(epoch, v.Epoch)
		}
	}
	return epoch
}

// has tells whether a node has a volume of an instance, or of a job.
func has(n *Node, i Instance) bool {
	return slices.ContainsFunc(n.Volumes, func(v Volume) bool { return v.Instance == i })
}
