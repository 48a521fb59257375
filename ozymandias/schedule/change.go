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
	s.Jobs = slices.Clone(s.Jobs)
	j := s.Named(spec.Name)
	if j == nil {
		s.Jobs = append(s.Jobs, Job{UID: uid, Spec: spec, Revision: 1})
		return s
	}
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
	s.Jobs = slices.Clone(s.Jobs)
	j := s.Named(name)
	if j == nil {
		return State{}, noJob(name)
	}
	j.Deleted = true
	return s, nil
}

// Scale has a job have n instances.
func (s State) Scale(name string, n int) (State, error) {
	s.Jobs = slices.Clone(s.Jobs)
	j := s.Named(name)
	switch {
	case j == nil:
		return State{}, noJob(name)
	case j.Spec.Daemon:
		return State{}, fmt.Errorf("job %q has one instance on every node: it cannot be scaled", name)
	case n < 0 || n > maxInstances:
		return State{}, fmt.Errorf("%d instances of %q are not possible: 0 to %d are", n, name, maxInstances)
	}
	j.Spec.NumInstances = &n
	return s, nil
}

// RollBack has a job run what its last stable revision did or, where that is the present one, what it ran before the last deploy. How
// many instances there are, and how they are reached, stays as it is.
func (s State) RollBack(name string) (State, error) {
	j := s.Named(name)
	if j == nil {
		return State{}, noJob(name)
	}
	if j.Reverts() {
		return State{}, fmt.Errorf("%s is back at revision %d, or on its way there, as the deploy of revision %d failed", name, j.Stable, j.Revision)
	}
	before := j.Stable
	if j.Deploy != nil && (before == 0 || before == j.Revision) {
		before = j.Deploy.From
	}
	spec := j.At(before)
	if spec == nil || before == j.Revision {
		return State{}, fmt.Errorf("there is no revision of %s before %d to go back to", name, j.Revision)
	}
	next := j.Spec
	next.Worklist, next.Swarm, next.Containers, next.Sidecars, next.OnPartition = spec.Worklist, spec.Swarm, spec.Containers, spec.Sidecars, spec.OnPartition
	if faults := next.Validate(); faults != nil {
		return State{}, fmt.Errorf("what %s ran at revision %d does not go with the job as it is: %v", name, before, faults)
	}
	return s.Put(j.UID, next), nil
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

func noJob(name string) error { return fmt.Errorf("there is no job %q", name) }
