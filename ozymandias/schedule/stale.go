package schedule

import (
	"slices"
	"strconv"
)

// Stale are the volumes of a node that nobody will ask for again, and that may be removed:
//
//   - those of a job that there is none of any more;
//   - those of an instance that is not wanted any more, as its job was scaled in, but not to nothing: who wants none of a job for
//     a while wants to have it back as it was;
//   - those of an instance that has settled on another node, and the shared ones of a job of which one has settled on another
//     node that has them: they were begun anew there, or copied, and what is here is left over.
//
// Never are those of anything that is planned here, that is leaving and may run still, or that the node says is on its machine; and nothing as long as the
// plan is not for the node as it is, as it is not decided yet then what comes back, or the state is partial. A stale volume stays so, but for a job that is
// scaled out again: then it begins empty, as it would on any other node.
func Stale(s State, node string) (stale []Volume) {
	n := s.Node(node)
	if s.Partial || n == nil || !n.Alive() || !n.current() && len(n.Plan.Instances) > 0 {
		return nil
	}
	for _, v := range n.Volumes {
		if !n.uses(v.Instance) && s.forsaken(n, v) {
			stale = append(stale, v)
		}
	}
	return stale
}

// uses tells whether anything on the node has or may have a volume of an instance, or of a job if the ID is empty.
func (n *Node) uses(i Instance) bool {
	same := func(j Instance) bool { return j == i || i.ID == "" && j.Job == i.Job }
	for j := range n.Report.Instances {
		if same(j) {
			return true
		}
	}
	return slices.ContainsFunc(n.Plan.Instances, func(p Planned) bool { return same(p.Instance) }) ||
		slices.ContainsFunc(n.Plan.Leaving, func(l Leaving) bool {
			return same(l.Instance) && !Free(l.Instance, Place{n.Name, n.Incarnation, l.Epoch, l.Version}, n)
		})
}

// forsaken tells whether nobody will ask for a volume that is not in use.
func (s *State) forsaken(n *Node, v Volume) bool {
	j := s.Job(v.Job)
	if j == nil {
		return true
	}
	if v.ID == "" {
		return s.settled(j, func(other *Node, _ Instance) bool { return other.Name != n.Name && has(other, v.Instance) })
	}
	return j.scaledBelow(v.ID) || s.settled(j, func(other *Node, i Instance) bool { return other.Name != n.Name && i == v.Instance })
}

// scaledBelow tells whether a job has other instances, but is not to have that one.
func (j *Job) scaledBelow(id string) bool {
	if j.Spec.Daemon || j.Spec.Unbounded() || j.Deleted || j.Spec.Instances() == 0 {
		return false
	}
	ordinal, err := strconv.Atoi(id)
	return err == nil && ordinal >= j.Spec.Instances()
}

// settled tells whether an instance of a job has settled where where says.
func (s *State) settled(j *Job, where func(*Node, Instance) bool) bool {
	for at := range s.Nodes {
		n := &s.Nodes[at]
		if !n.current() {
			continue
		}
		for _, p := range n.Plan.Instances {
			c := n.Report.Instances[p.Instance]
			if p.Job == j.UID && c.Epoch == p.Epoch && c.Settled && where(n, p.Instance) {
				return true
			}
		}
	}
	return false
}
