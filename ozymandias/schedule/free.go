package schedule

import (
	"fmt"
	"slices"

	"teamtask.dev/ozymandias/placement"
)

// Free tells whether a place is known to be free of an instance: that it does not run there, and will not at that epoch. The
// node is the one that the place names, or nil if there is none of that name any more, which is so only once its lease has
// ended. What was free once stays so, hence it does not matter whether the state is the newest.
func Free(i Instance, p Place, n *Node) bool {
	if n == nil || n.Incarnation != p.Incarnation {
		return true
	}
	if n.Report.Plan < p.Version {
		return false // it may go by a plan that has the instance still, and start it any moment
	}
	c, there := n.Report.Instances[i]
	return !there || c.Epoch > p.Epoch
}

// WaitsFor says in words what an instance of a node's plan has to wait for before it may be started there; "" if for nothing. The
// state may be an old one, but for the node's own report, which must be of this moment: whatever has anything left on
// the machine is in it, and nothing is started between the report and the start.
//
//   - Every other place where it may still run is free.
//   - On this machine nothing of an earlier epoch of it is left.
//   - There is room beside everything that is left on the machine, planned or not, and its ports of the node are not in use.
//
// Nothing that is to stop ever waits for something to start, so all waiting comes to an end.
func (s *State) WaitsFor(node string, p Planned) string {
	here := s.Node(node)
	if here == nil || !here.Current() {
		return "the plan is not for this process of the node"
	}
	for _, place := range p.After {
		if !Free(p.Instance, place, s.Node(place.Node)) {
			return fmt.Sprintf("%s has not said yet that it has stopped there", place.Node)
		}
	}
	if c, ok := here.Report.Instances[p.Instance]; ok && c.Epoch < p.Epoch && c.Phase != Waiting {
		return "what ran here before has not stopped yet"
	}
	return s.waitsForRoom(here, p)
}

// waitsForRoom looks at memory, processors and ports. Disk is taken by volumes, whether anything runs or not.
func (s *State) waitsForRoom(here *Node, p Planned) string {
	own := s.Spec(p.Instance.Job, p.Revision)
	if own == nil {
		return "it is not known what it runs"
	}
	needs, ports := own.Needs(), own.HostPorts()
	used := placement.Resources{Memory: int64(needs.Memory), CPU: int64(needs.CPUs)}
	var leaving []string
	for i, c := range here.Report.Instances {
		other := s.Spec(i.Job, c.Revision)
		if i == p.Instance || c.Phase == Waiting || other == nil {
			continue
		}
		n := other.Needs()
		used.Memory += int64(n.Memory)
		used.CPU += int64(n.CPUs)
		name := other.Name + "-" + i.ID
		if collide(ports, other.HostPorts()) {
			return fmt.Sprintf("%s has not let go of a port yet that it publishes, too", name)
		}
		if !slices.ContainsFunc(here.Plan.Instances, func(q Planned) bool { return q.Instance == i && q.Epoch == c.Epoch }) {
			leaving = append(leaving, name)
		}
	}
	if used.Memory <= here.Capacity.Memory && used.CPU <= here.Capacity.CPU {
		return ""
	}
	if len(leaving) == 0 {
		return "the node has less than what is planned needs"
	}
	slices.Sort(leaving)
	return fmt.Sprintf("there is no room until %s has stopped", leaving[0])
}
