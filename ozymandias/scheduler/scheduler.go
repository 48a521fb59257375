package scheduler

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
)

// A Scheduler is one node's.
type Scheduler struct {
	Node   string // that it decides on
	Store  *state.Store
	Mirror *state.Mirror
	Log    *slog.Logger

	clock clock
}

const (
	turn    = 50 * time.Millisecond  // between one node's turn and the next one's
	patient = 10                     // turns that a node waits at most
	rest    = time.Second            // after something went wrong
	pause   = 100 * time.Millisecond // between decisions, at least: news come many at a time
	share   = 4                      // of the time one part at most goes into deciding, however much there is to look at
	answer  = 5 * time.Second        // that etcd has to give
)

// Run takes decisions until ctx ends, and returns its error.
func (s *Scheduler) Run(ctx context.Context) error {
	for {
		now, basis, changed := s.Mirror.State()
		s.clock.look(&now)
		began := time.Now()
		decision, err := schedule.Decide(now, began)
		next := began.Add(max(pause, share*time.Since(began)))
		again := decision.Again
		if err == nil && decision.Changed() {
			again, err = s.take(ctx, now, basis, changed, decision)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case errors.Is(err, state.ErrOvertaken): // the mirror will hear of it
		case err != nil:
			s.Log.Error("cannot decide what runs where", "error", err)
			again = time.Now().Add(rest)
		}
		if err := wait(ctx, changed, again); err != nil {
			return err
		}
		if err := wait(ctx, nil, next); err != nil {
			return err
		}
	}
}

// take writes a decision when it is this node's turn. It returns when to look again if nothing changes.
func (s *Scheduler) take(ctx context.Context, now schedule.State, basis state.Basis, changed <-chan struct{}, decision schedule.Decision) (again time.Time, err error) {
	for until := time.Now().Add(time.Duration(s.rank(now)) * turn); time.Now().Before(until); {
		if err := wait(ctx, changed, until); err != nil {
			return again, err
		}
		// News that are no decision are left for the next one: there may be more of them than there is time to decide.
		var latest int64
		if latest, changed = s.Mirror.Version(); latest != now.Version {
			return time.Now(), nil // somebody else was first
		}
	}
	if _, decision, err = s.write(ctx, now, now, basis, decision); err != nil {
		return again, err
	}
	return decision.Again, nil
}

// write writes a decision that was taken from the state put, which was made from what was read. If etcd does not take it as a whole, a part of
// it is written, and the next decision goes on from there. What was changed by hand is in each part.
func (s *Scheduler) write(ctx context.Context, read, put schedule.State, basis state.Basis, decision schedule.Decision) (version int64, written schedule.Decision, err error) {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	for records := decision.Size(); ; {
		version, err = s.Store.Commit(ctx, basis, Change(read, put, decision))
		if !errors.Is(err, state.ErrTooLarge) || records <= 1 {
			break
		}
		records /= 2
		decision = decision.First(records)
	}
	if err != nil {
		return 0, decision, fmt.Errorf("take decision %d: %w", decision.Version, err)
	}
	return version, decision, nil
}

// rank is how many turns this node waits: the living take turns, beginning with another at each decision.
func (s *Scheduler) rank(now schedule.State) int {
	alive, own := 0, 0
	for i := range now.Nodes {
		if now.Nodes[i].Alive() {
			if now.Nodes[i].Name == s.Node {
				own = alive
			}
			alive++
		}
	}
	if alive == 0 {
		return 0
	}
	first := int(now.Version % int64(alive))
	return min((own-first+alive)%alive, patient)
}

// wait waits for a change, or a time if it is not zero.
func wait(ctx context.Context, changed <-chan struct{}, until time.Time) error {
	var timer <-chan time.Time
	if !until.IsZero() {
		timer = time.After(time.Until(until))
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-timer:
	}
	return nil
}
