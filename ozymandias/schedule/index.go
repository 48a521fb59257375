package schedule

import (
	"slices"

	"teamtask.dev/ozymandias/job"
)

// Node finds a node by name, or nil. It is the state's own: not to be changed but by whoever made the state.
func (s *State) Node(name string) *Node {
	for i := range s.Nodes {
		if s.Nodes[i].Name == name {
			return &s.Nodes[i]
		}
	}
	return nil
}

// Job finds a job by UID, or nil; also one that is deleted and not gone yet.
func (s *State) Job(uid string) *Job {
	for i := range s.Jobs {
		if s.Jobs[i].UID == uid {
			return &s.Jobs[i]
		}
	}
	return nil
}

// Named finds a job by name, or nil: one that is not deleted.
func (s *State) Named(name string) *Job {
	for i := range s.Jobs {
		if j := &s.Jobs[i]; j.Spec.Name == name && !j.Deleted {
			return j
		}
	}
	return nil
}

// Spec is what an instance of a job runs at a revision, or nil if that is not known.
func (s *State) Spec(uid string, revision int64) *job.Job {
	if j := s.Job(uid); j != nil {
		return j.At(revision)
	}
	return nil
}

// As is the state as a node has it that knows more of itself than it has written yet: its plan and its report are those given.
func (s State) As(node string, plan Plan, report Report) State {
	s.Nodes = slices.Clone(s.Nodes)
	if n := s.Node(node); n != nil {
		n.Plan, n.Report = plan, report
	}
	return s
}

// At is the job as it was at a revision, or nil if that is not kept.
func (j *Job) At(revision int64) *job.Job {
	if revision == j.Revision {
		return &j.Spec
	}
	if spec, ok := j.Specs[revision]; ok {
		return &spec
	}
	return nil
}

// Current tells whether the plan is for the node as it is: alive, and the same as when it was planned. Whatever another plan has, this
// process of the node does not run it.
func (n *Node) Current() bool { return n.Alive() && n.Plan.Incarnation == n.Incarnation }

// unfit says why a node can run nothing, "" if it can.
func (n *Node) unfit() string {
	if n.Report.Unfit == "" {
		return ""
	}
	return "unfit: " + n.Report.Unfit
}

// clone copies what deciding changes.
func (j Job) clone() Job {
	if j.Deploy != nil {
		j.Deploy = new(*j.Deploy)
	}
	return j
}
