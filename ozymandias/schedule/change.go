package schedule

import (
	"fmt"
	"maps"
	"slices"

	"teamtask.dev/ozymandias/job"
)

// Put has a job as it is to be, valid and with its defaults. It is a new one, with the UID, or takes the place of the one of its
// name. The instances of that are replaced only if they would run something else.
func (s State) Put(uid string, spec job.Job) State {
	at, found := s.find(spec.Name)
	s.Jobs = slices.Clone(s.Jobs)
	if !found {
		s.Jobs = append(s.Jobs, Job{UID: uid, Spec: spec, Revision: 1})
		return s
	}
	j := &s.Jobs[at]
	if j.Spec.Revision() != spec.Revision() {
		j.Specs = maps.Clone(j.Specs)
		if j.Specs == nil {
			j.Specs = map[int64]job.Job{}
		}
		j.Specs[j.Revision] = j.Spec
		j.Revision++
	}
	if j.Spec.Worklist != spec.Worklist || j.Spec.Swarm != spec.Swarm {
		j.Work, j.Finished, j.Trouble = nil, false, ""
	}
	j.Spec = spec
	return s
}

// Remove has a job go, once nothing of it runs any more.
func (s State) Remove(name string) (State, error) {
	at, found := s.find(name)
	if !found {
		return State{}, fmt.Errorf("there is no job %q", name)
	}
	s.Jobs = slices.Clone(s.Jobs)
	s.Jobs[at].Deleted = true
	return s, nil
}

// Scale has a job have n instances.
func (s State) Scale(name string, n int) (State, error) {
	at, found := s.find(name)
	switch {
	case !found:
		return State{}, fmt.Errorf("there is no job %q", name)
	case s.Jobs[at].Spec.Daemon:
		return State{}, fmt.Errorf("job %q has one instance on every node: it cannot be scaled", name)
	case n < 0 || n > maxInstances:
		return State{}, fmt.Errorf("%d instances of %q are not possible: 0 to %d are", n, name, maxInstances)
	}
	s.Jobs = slices.Clone(s.Jobs)
	s.Jobs[at].Spec.NumInstances = &n
	return s, nil
}

// Drain has what runs on a node go elsewhere, or no longer.
func (s State) Drain(node string, draining bool) (State, error) {
	if s.Node(node) == nil {
		return State{}, fmt.Errorf("there is no node %q", node)
	}
	s.Nodes = slices.Clone(s.Nodes)
	s.Node(node).Draining = draining
	return s, nil
}

// find finds a job by name, one that is not deleted.
func (s *State) find(name string) (at int, found bool) {
	at = slices.IndexFunc(s.Jobs, func(j Job) bool { return j.Spec.Name == name && !j.Deleted })
	return at, at >= 0
}
