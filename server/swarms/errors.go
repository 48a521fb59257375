package swarms

import (
	"errors"
	"fmt"
	"time"
)

// ErrGone means that the engine has given up its swarm: a write failed, another server owns the swarm, or this one stops. The
// call may be repeated; it finds the next engine.
var ErrGone = errors.New("the swarm is being taken over; repeat the call")

// ErrDeleted refuses workers who would join a swarm that is being deleted.
var ErrDeleted = errors.New("the swarm is being deleted: nobody can join it any more")

// UnknownError says that a worker is not in the pool.
type UnknownError struct{ Swarm, Worker string }

func (e *UnknownError) Error() string {
	return fmt.Sprintf("worker %q is not in the pool of swarm %s: join it, or correct the name", e.Worker, e.Swarm)
}

// TakenError refuses a worker because another of its name is there.
type TakenError struct {
	Worker string
	Rest   time.Duration // of the other's lease
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("a worker %q is there already, under a lease that runs for another %s unless it is renewed: let that one leave, wait, or choose another name",
		e.Worker, e.Rest.Round(100*time.Millisecond))
}

// OverdueError refuses a worker that has not said in time that it runs its part.
type OverdueError struct {
	Swarm, Worker string
	Version       int64
	Timeout       time.Duration
	Rest          time.Duration // of its lease
}

func (e *OverdueError) Error() string {
	return fmt.Sprintf("worker %q has not acknowledged version %d of its part within %s: its lease is not renewed any more, and runs out in %s. Stop everything it runs before, and join anew; if its program needs longer, raise spec.handover.timeout of swarm %s",
		e.Worker, e.Version, e.Timeout, e.Rest.Round(100*time.Millisecond), e.Swarm)
}

// LostError refuses an incarnation that is not the present one.
type LostError struct{ Worker, Incarnation string }

func (e *LostError) Error() string {
	return fmt.Sprintf("incarnation %q of worker %q is not the present one: its lease ran out, it left, or another has taken its place. Stop everything it runs, and join anew",
		e.Incarnation, e.Worker)
}
