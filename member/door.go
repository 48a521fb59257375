package member

import (
	"context"
	"errors"
	"time"

	"teamtask.dev/api/v1alpha1"
)

// ErrLost says that the session is over: the engine holds its incarnation to be gone, or the worker was removed from the pool. The
// worker must stop everything and may then join anew.
var ErrLost = errors.New("the worker is no longer in the pool under this incarnation")

// ErrOverdue says that the engine renews the lease no more, as the worker has taken too long to acknowledge its part. It is held to be
// there until the lease has run out: by then it must have stopped everything, and may then join anew.
var ErrOverdue = errors.New("the worker is late, and its lease is not renewed any more")

// ErrRefused says that to join again is of no use: there is no such Swarm, the name is none, or a right is missing. Whoever wraps it
// says what to do.
var ErrRefused = errors.New("the worker cannot join")

// Worker is who joins.
type Worker struct {
	Name   string            // unique in the pool; a DNS subdomain, such as a host's or a pod's name
	Labels map[string]string // what workloads may require
}

// Door is where a worker joins the pool of one Swarm: a List server, or the Kubernetes API.
type Door interface {
	// Join makes the worker known under a new incarnation, which runs nothing yet. It fails, for as long as that may be so, if
	// another of its name is there. ErrRefused is for good; after any other error it is tried again.
	Join(ctx context.Context, w Worker) (Session, error)
}

// Report is what a worker says of itself with each renewal.
type Report struct {
	// Version is acknowledged: the worker runs that version of its part, and nothing that is not in it. 0: none yet.
	Version int64
	// Draining asks for everything to be moved away. It is not taken back.
	Draining bool
	// Trouble is why the latest part could not be applied, in v1alpha1.LongestTrouble bytes at most; "": it could, or was not tried
	// yet. It is for people to read.
	Trouble string
}

// Session is one incarnation of a worker. Its methods may be called at the same time.
type Session interface {
	Incarnation() string

	// Lease is how long the worker is held to be there after a renewal. It may change from one renewal to the next.
	Lease() time.Duration

	// Next waits for a part other than of the version given, and returns the latest; versions in between may be left out. It
	// returns only parts for this incarnation. It comes over broken connections by itself; ErrLost ends the session.
	Next(ctx context.Context, after int64) (v1alpha1.AssignmentSpec, error)

	// Renew keeps the lease, and says how the worker stands. An error other than ErrLost and ErrOverdue may pass: the caller tries
	// again, until its deadline.
	Renew(ctx context.Context, r Report) error

	// Leave ends the session: the worker runs nothing any more, which needs no waiting for its lease.
	Leave(ctx context.Context) error
}
