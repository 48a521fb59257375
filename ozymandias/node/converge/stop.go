package converge

import (
	"time"

	"teamtask.dev/ozymandias/job"
)

const (
	// drain is how long names and routes may take to forget an instance that is about to stop.
	drain = time.Second
	// insist is the longest pause between two attempts to remove something.
	insist = 5 * time.Second
)

// leaves tells whether what is there has to go.
func (i *instance) leaves(in Input) bool {
	return i.there && (i.planned == nil || i.planned.Epoch != i.epoch || i.spoiled || i.ceases(in))
}

// ceases tells whether what is there has to go as the lease may be about to end. What has ended already stays, as its end is not to be
// forgotten.
func (i *instance) ceases(in Input) bool {
	return !in.Cease.IsZero() && !i.kept() && !i.dormant()
}

// kept tells whether the instance runs on in a partition.
func (i *instance) kept() bool { return i.spec != nil && i.spec.OnPartition == job.Keep }

// dormant tells whether all containers have ended for good.
func (i *instance) dormant() bool {
	for _, c := range i.containers {
		if !c.over() {
			return false
		}
	}
	return i.made
}

// stop ends what is there.
func (i *instance) stop(in Input) (action Action, again time.Time) {
	if i.failed == Remove && in.Now.Before(i.retry) {
		return action, i.retry
	}
	if i.quiet.IsZero() {
		i.quiet = in.Now
		if i.condition.Healthy {
			i.quiet = in.Now.Add(drain)
		}
	}
	if in.Cease.IsZero() && in.Now.Before(i.quiet) {
		return action, i.quiet
	}
	action = i.act(Remove)
	if i.ceases(in) {
		i.brisk = true
		action.Within = max(in.Cease.Sub(in.Now), time.Millisecond)
	}
	return action, again
}

// interrupt cuts the action that is under way if it is not to go on: what is to stop is not waited for, and what stops at its leisure
// has to do so in time.
func (i *instance) interrupt(in Input) (action Action) {
	if i.cut || !i.leaving || i.doing == Remove && (i.brisk || !i.ceases(in)) {
		return action
	}
	i.cut = true
	return Action{Verb: Cut, Instance: i.Instance, Name: i.name, Epoch: i.epoch, Revision: i.revision, Spec: i.spec}
}
