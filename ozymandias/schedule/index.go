package schedule

import "teamtask.dev/ozymandias/job"

// node finds a node by name, or nil.
func (s *State) node(name string) *Node {
	for i := range s.Nodes {
		if s.Nodes[i].Name == name {
			return &s.Nodes[i]
		}
	}
	return nil
}

// job finds a job by UID, or nil.
func (s *State) job(uid string) *Job {
	for i := range s.Jobs {
		if s.Jobs[i].UID == uid {
			return &s.Jobs[i]
		}
	}
	return nil
}

// spec is what an instance of a job runs at a revision, or nil if that is not known.
func (s *State) spec(uid string, revision int64) *job.Job {
	if j := s.job(uid); j != nil {
		return j.At(revision)
	}
	return nil
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

// current tells whether a plan is for the node as it is: alive, and the same as when it was planned.
func (n *Node) current() bool { return n.Alive() && n.Plan.Incarnation == n.Incarnation }

// clone copies what deciding changes.
func (j Job) clone() Job {
	if j.Deploy != nil {
		j.Deploy = new(*j.Deploy)
	}
	return j
}
