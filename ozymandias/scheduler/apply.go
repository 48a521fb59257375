package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
)

// Apply changes the state, and writes in the same decision what follows: so nobody sees a job that was put and not looked at. change may be
// called more than once, as another decision may be first; its own error is returned as it is. Apply needs no Run.
//
// It returns the version of the decision, for [state.Mirror.Wait], and what was decided. If nothing changes nothing is written, and the
// version is that of the state.
func (s *Scheduler) Apply(ctx context.Context, change func(schedule.State) (schedule.State, error)) (version int64, decision schedule.Decision, err error) {
	for {
		read, basis, changed := s.Mirror.State()
		s.clock.look(&read)
		put, err := change(read)
		if err != nil {
			return 0, decision, err
		}
		if decision, err = schedule.Decide(put, time.Now()); err != nil {
			return 0, decision, err
		}
		version, decision, err = s.write(ctx, read, put, basis, decision)
		if !errors.Is(err, state.ErrOvertaken) {
			return version, decision, err
		}
		if err := wait(ctx, changed, time.Now().Add(rest)); err != nil {
			return 0, decision, fmt.Errorf("wait for the decision that was first: %w", err)
		}
	}
}

// Change is what a decision writes: what was changed, from the state as it was read to the one that was decided from, and what follows.
// Its plans carry their versions already.
func Change(read, put schedule.State, decision schedule.Decision) state.Change {
	change := state.Change{Plans: decision.Plans, Events: decision.Events}
	before, now := byUID(read), byUID(put)
	for _, j := range decision.Jobs {
		now[j.UID] = j
	}
	for _, uid := range slices.Sorted(maps.Keys(now)) {
		if was, known := before[uid]; !known || !reflect.DeepEqual(was, now[uid]) {
			change.PutJob(was, now[uid])
		}
	}
	for _, uid := range decision.Removed {
		change.DropJob(before[uid])
	}
	for i := range put.Nodes {
		n := &put.Nodes[i]
		if was := read.Node(n.Name); was != nil && was.Draining != n.Draining {
			if change.Drains == nil {
				change.Drains = map[string]bool{}
			}
			change.Drains[n.Name] = n.Draining
		}
	}
	return change
}

func byUID(s schedule.State) map[string]schedule.Job {
	all := make(map[string]schedule.Job, len(s.Jobs))
	for _, j := range s.Jobs {
		all[j.UID] = j
	}
	return all
}
