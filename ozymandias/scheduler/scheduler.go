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
	// Took is called with each decision that this node took, once it is written. nil: nobody.
	Took func(schedule.Decision)
}

const (
	turn    = 50 * time.Millisecond // between one node's turn and the next one's
	patient = 10                    // turns that a node waits at most
	rest    = time.Second           // after something went wrong
	answer  = 5 * time.Second       // that etcd has to give
)

// Run takes decisions until ctx ends, and returns its error.
func (s *Scheduler) Run(ctx context.Context) error {
	for {
		now, basis, changed := s.Mirror.State()
		again, err := s.decide(ctx, now, basis, changed)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case errors.Is(err, state.ErrOvertaken): // the mirror will hear of it
		case err != nil:
			s.Log.Error("cannot decide what runs where", "error", err)
			again = earlier(again, time.Now().Add(rest))
		}
		if err := wait(ctx, changed, again); err != nil {
			return err
		}
	}
}

// decide takes one decision, if one follows from the state. It returns when to look again if nothing changes.
func (s *Scheduler) decide(ctx context.Context, now schedule.State, basis state.Basis, changed <-chan struct{}) (again time.Time, err error) {
	decision, err := schedule.Decide(now, time.Now())
	if err != nil || !decision.Changed() {
		return decision.Again, err
	}
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
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	if err := s.Store.Commit(ctx, basis, Change(now, decision)); err != nil {
		return again, fmt.Errorf("take decision %d: %w", decision.Version, err)
	}
	if s.Took != nil {
		s.Took(decision)
	}
	return decision.Again, nil
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

// Change is what a decision writes. Its plans carry their versions already.
func Change(before schedule.State, decision schedule.Decision) state.Change {
	change := state.Change{Plans: decision.Plans}
	known := map[string]schedule.Job{} // by UID
	for _, j := range before.Jobs {
		known[j.UID] = j
	}
	for _, j := range decision.Jobs {
		change.PutJob(known[j.UID], j)
	}
	for _, uid := range decision.Removed {
		change.DropJob(known[uid])
	}
	return change
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
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
