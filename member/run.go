package member

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/uptime"
)

// Apply makes the worker run what a part has in Workloads, and nothing else. It returns nil once that is so, which acknowledges the
// part, so that what is not in it may be granted to others. After an error it is called again a little later, with the latest part. It
// is called once at a time; a part may differ from the one before in its version only.
//
// A part whose Incarnation is "" is no member's: everything must stop. One comes before the worker joins, so that what a former process
// left running is stopped, and one when a session ends. When ctx ends there is no more time: of such a part, what still runs must be
// ended by force at once; any other is to be given up, as such a part comes next.
type Apply func(ctx context.Context, part v1alpha1.AssignmentSpec) error

// Options of [Run]. The zero value works.
type Options struct {
	// Drain, once closed, asks for everything to be moved to other workers. When nothing is left the worker leaves, and Run returns nil.
	Drain <-chan struct{}

	// Kill ends everything by force where Apply has not done so in time after a session ended, because it hangs or fails; why is the
	// reason for that end. Default: this process ends, with exit code 1; what it started must end with it.
	Kill func(why error)

	// Joined is told when a session begins, Lost when one has ended that neither ctx nor Drain ended, and everything has stopped: the
	// worker is about to join anew. Default: it is logged.
	Joined func(lease time.Duration)
	Lost   func(why error)

	Log *slog.Logger // default slog.Default()
}

const (
	// soonest and latest bound the pause before something that failed is tried again: it doubles from one attempt to the next.
	soonest, latest = 250 * time.Millisecond, 5 * time.Second
	// hearing is how long an answer to joining is waited for.
	hearing = 15 * time.Second
	// farewell is how long it may take to say that the worker leaves. If it cannot be said, the lease has to run out.
	farewell = 5 * time.Second
)

// Run makes a worker a member of the pool behind a door, and keeps it one: it renews the lease, has each part applied, and acknowledges
// it. When the lease cannot be renewed, or the session is over for another reason, it has everything stopped in time, and joins anew.
//
// It goes on until ctx ends: then everything is stopped, and the worker leaves; the error is ctx's. It is nil once the worker was
// drained. It wraps [ErrRefused] where joining is of no use, and is that of apply if what a former process left running could not be
// stopped. When Run returns nothing of a part runs any more.
func Run(ctx context.Context, door Door, w Worker, o Options, apply Apply) error {
	return run(ctx, door, w, o, apply, uptime.Now)
}

func run(ctx context.Context, door Door, w Worker, o Options, apply Apply, now func() time.Duration) error {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Kill == nil {
		o.Kill = func(why error) {
			o.Log.Error("not everything has stopped in time: this process ends, and what it started with it", "worker", w.Name, "reason", why)
			os.Exit(1)
		}
	}
	if o.Joined == nil {
		o.Joined = func(lease time.Duration) { o.Log.Info("joined", "worker", w.Name, "lease", lease) }
	}
	if o.Lost == nil {
		o.Lost = func(why error) {
			o.Log.Warn("the session is over, and everything has stopped; joining anew", "worker", w.Name, "reason", why)
		}
	}
	if err := apply(ctx, stopped(w)); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("before joining, stop what a former process may have left running: %w", err)
	}
	for {
		s, err := join(ctx, door, w, o, now)
		if s == nil {
			return err
		}
		s.apply = apply
		o.Joined(s.Lease())
		why := s.run(ctx)
		switch {
		case errors.Is(why, errDrained):
			return nil
		case errors.Is(why, errLeft):
			return ctx.Err()
		}
		o.Lost(why)
		pause(ctx, soonest)
	}
}

// stopped is the part of a worker that is no member.
func stopped(w Worker) v1alpha1.AssignmentSpec { return v1alpha1.AssignmentSpec{Worker: w.Name} }

// join joins, as soon as that may be. Without a session the error is Run's.
func join(ctx context.Context, door Door, w Worker, o Options, now func() time.Duration) (*session, error) {
	said := ""
	for rest := soonest; ; rest = min(2*rest, latest) {
		select {
		case <-o.Drain:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		default:
		}
		sent := now()
		call, cancel := context.WithTimeout(ctx, hearing)
		s, err := door.Join(call, w)
		cancel()
		switch {
		case err == nil:
			return &session{Session: s, worker: w, o: o, keeper: newKeeper(s, sent, now)}, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, ErrRefused):
			return nil, err
		case err.Error() != said: // and not each time
			said = err.Error()
			o.Log.Warn("the worker cannot join yet, and tries again", "worker", w.Name, "error", err)
		}
		pause(ctx, rest)
	}
}

// pause waits about that long, so that not all workers ask at the same moment.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d/2 + rand.N(d))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
