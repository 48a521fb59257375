package api

import (
	"context"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/schedule"
)

// A put is a change that somebody asks for. It may be made several times, from newer states.
type put func(schedule.State) (schedule.State, error)

// decide makes a change, and what follows from it, in one transaction, and returns the version that it has then. When it returns, so does
// the mirror have it.
func (a *API) decide(ctx context.Context, put put) (version int64, err error) {
	version, _, err = a.Scheduler.Apply(ctx, put)
	if _, basis, _ := a.Mirror.State(); err != nil && basis.Err() != nil {
		return 0, v1.StateUnreadable.New("nothing can be decided: %v", basis.Err())
	}
	if err != nil {
		return 0, err
	}
	return version, a.Mirror.Wait(ctx, version)
}
