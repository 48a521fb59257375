package health

import (
	"context"
	"net/netip"
	"time"

	"teamtask.dev/ozymandias/job"
)

// Target is the container that is asked.
type Target struct {
	// Address of its pod, for HTTP and TCP.
	Address netip.Addr
	// Exec runs a command in it, for checks of that type, and returns its exit code and what it said. An error is about something
	// else than the command, as that podman does not answer. It returns soon after its context has ended, with [ErrNotBegun] if the
	// command had not been begun by then.
	Exec func(ctx context.Context, command []string) (code int, output string, err error)
	// Well says that the container is known to be well: an earlier process of the node has found it so. Nothing is
	// said before that changes.
	Well bool
}

// Verdict is whether a container is well.
type Verdict struct {
	Healthy bool
	// Message says why it is not, for people, in one line; it is empty if it is.
	Message string
}

// early is the time between two checks as long as a container has not been found well.
const early = time.Second

// soon is the time between the first two.
const soon = 50 * time.Millisecond

// Watch asks a container that has just started, or goes on to ask one that is known to be well, until ctx ends, and calls verdict when it first
// knows whether it is well and whenever that changes. All calls come from Watch's own goroutine, none after it has returned, and the next check waits for them.
//
// The check is one of a job after its Default. It is well after its HealthyThreshold of successes in a row and unwell after its
// UnhealthyThreshold of failures in a row; Interval lies between the beginnings of two checks, but one check ends before the next
// begins.
func Watch(ctx context.Context, check job.Healthcheck, target Target, verdict func(Verdict)) {
	begun := time.Now()
	j := judge{
		healthy:   check.HealthyThreshold,
		unhealthy: check.UnhealthyThreshold,
		interval:  time.Duration(check.Interval),
		listens:   check.Type != job.Exec,
		counts:    begun.Add(time.Duration(max(check.StartPeriod, check.Interval))),
	}
	if target.Well {
		j.succeeded = true
		j.turn(Verdict{Healthy: true})
	}
	p := prober{check: check, target: target}
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		at := time.Now()
		found := p.probe(ctx)
		if ctx.Err() != nil {
			return
		}
		if j.add(at, found) {
			verdict(j.verdict)
		}
		next.Reset(time.Until(at.Add(j.pause(at.Sub(begun)))))
	}
}
