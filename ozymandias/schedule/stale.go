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
	// Superseded: the instance has settled on another node, or of a job with shared volumes one has on another node that has them. They
	// were begun anew there; what is here is what it left when its node was lost, or drained.
	Superseded Why = "Superseded"
)

// Stale are the volumes of a node that are left over. Whoever removes them may take his time, as all but those that are unwanted may be missed by
// somebody; but removes them when their room is needed, which placement takes to be free.
//
// Never are those of anything that is planned here, that is leaving and may run still, or that the node says is on its machine; and nothing as long as the
// plan is not for the node as it is, as it is not decided yet then what comes back, or the state is partial. Nor is, of an instance that is wanted, the one
// used last of those that there are on living nodes. A volume that is left over may come to be used again: when its instance goes where it is.
func Stale(s State, node string) (stale []Leftover) {
	n := s.Node(node)
	if s.Partial || n == nil || !n.Alive() || !n.current() && len(n.Plan.Instances) > 0 {
		return nil
	}
	for _, v := range n.Volumes {
		if n.uses(v.Instance) {
			continue
		}
		if why := s.forsaken(n, v); why != "" {
			stale = append(stale, Leftover{v, why})
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

// forsaken says why nothing waits for a volume that is not in use; "" if something does.
func (s *State) forsaken(n *Node, v Volume) Why {
	j := s.Job(v.Job)
	if j == nil {
		return Forgotten
	}
	if j.scaledBelow(v.ID) {
		return Unwanted
	}
	if s.settled(j, func(other *Node, i Instance) bool {
		return other.Name != n.Name && (i == v.Instance || v.ID == "" && has(other, v.Instance))
	}) {
		return Superseded
	}
	return ""
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
