package schedule

import (
	"slices"
	"strconv"
)

// A Leftover is a volume that nothing uses and nothing waits for.
type Leftover struct {
	Volume
	Why Why
}

// A Why is why a volume is left over.
type Why string

// The reasons.
const (
	// Unwanted: the job was scaled in, but not to nothing. Who wants none of a job for a while wants to have it back as it was.
	Unwanted Why = "Unwanted"
	// Forgotten: there is no such job. It was deleted; or it was made after the backup of etcd was, from which the cluster was restored.
	Forgotten Why = "Forgotten"
	// Superseded: the instance, or of a job whose volume it is one, has settled on another node and used a volume of that name there since.
	// That was begun anew; what is here is what was left when this node was lost, or drained.
	Superseded Why = "Superseded"
)

// Stale are the volumes of a node that are left over. Whoever removes them may take his time, as all but those that are unwanted may
// be missed by somebody; but removes them when their room is needed, which placement takes to be free. As long as it is there, one
// may come to be used again: when its instance goes where it is.
//
// A volume is never left over
//   - if what has it is planned here, is leaving and may run still, or is on the machine, as the node says;
//   - while the plan is not for the node as it is: what comes back here is not decided yet;
//   - while the state is partial: what seems to belong to nobody may belong to somebody;
//   - if it is the one that its instance, which is wanted, or its job used last, of those of its name on living nodes: a job that does
//     without volumes for a revision finds them again.
func Stale(s State, node string) []Leftover {
	n := s.Node(node)
	if n == nil {
		return nil
	}
	return s.leftovers().of(n)
}

// leftovers finds volumes that are left over, of one node after the other.
type leftovers struct {
	*State
	// settled are the instances that have settled, by job. They are looked for once, and only if there is a volume that is not in use.
	settled map[string][]settlement
}

// settlement is where an instance has settled.
type settlement struct {
	id   string
	node *Node
}

func (s *State) leftovers() *leftovers { return &leftovers{State: s} }

// of are those on a node.
func (l *leftovers) of(n *Node) (stale []Leftover) {
	if l.Partial || !n.Alive() || !n.Current() && len(n.Plan.Instances) > 0 {
		return nil
	}
	for _, v := range n.Volumes {
		if n.uses(v.Instance) {
			continue
		}
		if why := l.forsaken(n, v); why != "" {
			stale = append(stale, Leftover{v, why})
		}
	}
	return stale
}

// uses tells whether anything on the node has or may have a volume of an instance, or of a job if the ID is empty.
func (n *Node) uses(i Instance) bool {
	if _, there := n.Report.Instances[i]; there {
		return true
	}
	same := func(j Instance) bool { return j == i || i.ID == "" && j.Job == i.Job }
	if i.ID == "" {
		for j := range n.Report.Instances {
			if same(j) {
				return true
			}
		}
	}
	return slices.ContainsFunc(n.Plan.Instances, func(p Planned) bool { return same(p.Instance) }) ||
		slices.ContainsFunc(n.Plan.Leaving, func(l Leaving) bool {
			return same(l.Instance) && !Free(l.Instance, Place{n.Name, n.Incarnation, l.Epoch, l.Version}, n)
		})
}

// forsaken says why nothing waits for a volume that is not in use; "" if something does.
func (l *leftovers) forsaken(n *Node, v Volume) Why {
	j := l.Job(v.Job)
	if j == nil {
		return Forgotten
	}
	if j.scaledBelow(v.ID) {
		return Unwanted
	}
	if slices.ContainsFunc(l.settledOf(j), func(at settlement) bool {
		return at.node.Name != n.Name && (at.id == v.ID || v.ID == "") && at.node.hasLater(v)
	}) {
		return Superseded
	}
	return ""
}

// hasLater tells whether a node has the same volume, and it was used since. It has none if the instance does without it there: then what
// is left elsewhere is all that there is.
func (n *Node) hasLater(v Volume) bool {
	return slices.ContainsFunc(n.Volumes, func(w Volume) bool { return w.Instance == v.Instance && w.Name == v.Name && w.Epoch > v.Epoch })
}

// scaledBelow tells whether a job has other instances, but is not to have that one.
func (j *Job) scaledBelow(id string) bool {
	if j.Spec.Daemon || j.Spec.Unbounded() || j.Deleted || j.Spec.Instances() == 0 {
		return false
	}
	ordinal, err := strconv.Atoi(id)
	return err == nil && ordinal >= j.Spec.Instances()
}

// settledOf are the instances of a job that have settled.
func (l *leftovers) settledOf(j *Job) []settlement {
	if l.settled == nil {
		l.settled = map[string][]settlement{}
		for at := range l.Nodes {
			n := &l.Nodes[at]
			if !n.Current() {
				continue
			}
			for _, p := range n.Plan.Instances {
				if c := n.Report.Instances[p.Instance]; c.Epoch == p.Epoch && c.Settled {
					l.settled[p.Job] = append(l.settled[p.Job], settlement{p.ID, n})
				}
			}
		}
	}
	return l.settled[j.UID]
}
