package member

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"teamtask.dev/api/v1alpha1"
)

// Why a session ends that was not lost.
var (
	errLeft    = errors.New("the worker leaves")
	errDrained = errors.New("the worker was drained")
)

// session is a session under way. Its fields belong to run, which ends with all that it started.
type session struct {
	Session
	worker Worker
	o      Options
	apply  Apply
	*keeper
	loops sync.WaitGroup

	wanted   v1alpha1.AssignmentSpec // the latest part
	applied  int64                   // the version that is run
	applying bool
	began    bool          // a part was being applied: the program is to be told that it is no member's any more
	runs     bool          // something may run
	notUntil time.Duration // may a part be applied again that could not be
	rest     time.Duration

	parts   chan v1alpha1.AssignmentSpec
	results chan result
}

// result is what became of a part that was applied.
type result struct {
	part v1alpha1.AssignmentSpec
	err  error
}

// run is a member until there is a reason not to be, stops everything, and says what the reason was.
func (s *session) run(ctx context.Context) (why error) {
	s.parts, s.results = make(chan v1alpha1.AssignmentSpec), make(chan result)
	s.rest, s.notUntil = soonest, s.now()
	free := context.WithoutCancel(ctx)
	over, lost := context.WithCancelCause(free) // once the session is
	calls, hangUp := context.WithCancel(free)
	defer func() {
		lost(nil)
		hangUp()
		s.loops.Wait()
		if !errors.Is(why, ErrLost) {
			s.leave(free)
		}
	}()
	s.loops.Go(func() { s.keeper.run(calls, lost) })
	why = s.serve(ctx, over, lost)
	if !leaves(why) {
		hangUp() // an incarnation that is given up is not taken up again
	}
	if s.began && !s.stop(over, why, hangUp) {
		why = fmt.Errorf("%w; what had not stopped was ended by force", why)
	}
	return why
}

// leaves tells whether the session ends in order: then its lease is kept until everything has stopped.
func leaves(why error) bool { return errors.Is(why, errLeft) || errors.Is(why, errDrained) }

// serve has one part after the other applied, until the session is to end, and says why.
func (s *session) serve(ctx, over context.Context, lost func(error)) error {
	work, giveUp := context.WithCancel(over)
	defer giveUp()
	s.loops.Go(func() { s.follow(work, lost) })
	drain, look := s.o.Drain, s.looks()
	defer look.Stop()
	for {
		l, told, trouble := s.known()
		switch now := s.now(); {
		case over.Err() != nil:
			return context.Cause(over)
		case now >= l.stop():
			return fmt.Errorf("its lease of %s could not be renewed for %s: %w", l.length, (now - l.sent).Round(time.Millisecond), orSlept(trouble))
		case ctx.Err() != nil:
			return errLeft
		case told.Draining && len(s.wanted.Workloads) == 0 && told.Version == s.wanted.Version:
			return errDrained
		case !s.applying && s.wanted.Version != s.applied && now >= s.notUntil:
			s.start(work, s.wanted)
		}
		select {
		case <-ctx.Done():
		case <-over.Done():
		case <-drain:
			drain = nil
			s.say(func(r *Report) { r.Draining = true })
		case p := <-s.parts:
			s.wanted = p
		case r := <-s.results:
			s.took(r)
		case <-s.heard:
		case <-look.C:
		}
	}
}

// looks is a ticker by which the clock is looked at.
func (s *session) looks() *time.Ticker {
	l, _, _ := s.known()
	return time.NewTicker(l.look())
}

var errSlept = errors.New("no renewal was tried in time: the machine slept, or had no time for this process")

func orSlept(trouble error) error {
	if trouble == nil {
		return errSlept
	}
	return trouble
}

// start has a part applied.
func (s *session) start(ctx context.Context, part v1alpha1.AssignmentSpec) {
	s.applying, s.began = true, true
	s.runs = s.runs || len(part.Workloads) > 0
	s.loops.Go(func() { s.results <- result{part, s.apply(ctx, part)} })
}

// took takes in what became of a part. One that could not be applied is tried again after a rest.
func (s *session) took(r result) {
	s.applying = false
	if r.err == nil {
		s.runs = len(r.part.Workloads) > 0
		s.applied, s.rest = r.part.Version, soonest
		s.say(func(say *Report) { say.Version, say.Trouble = r.part.Version, "" })
		return
	}
	s.notUntil, s.rest = s.now()+s.rest, min(2*s.rest, latest)
	s.say(func(say *Report) { say.Trouble = v1alpha1.Cut(r.err.Error(), v1alpha1.LongestTrouble) })
	s.o.Log.Warn("the part could not be applied, and is tried again", "worker", s.worker.Name, "version", r.part.Version, "error", r.err)
}

// follow waits for one part after the other, until ctx ends or the session is lost.
func (s *session) follow(ctx context.Context, lost func(error)) {
	after, rest := int64(0), soonest
	for ctx.Err() == nil {
		part, err := s.Next(ctx, after)
		if err == nil && part.Incarnation != s.Incarnation() {
			err = fmt.Errorf("the part is for incarnation %q, and this is %q", part.Incarnation, s.Incarnation())
		}
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, ErrLost):
			lost(err)
			return
		case err != nil:
			s.o.Log.Warn("the worker's part cannot be had, and is asked for again", "worker", s.worker.Name, "error", err)
			pause(ctx, rest)
			rest = min(2*rest, latest)
		default:
			after, rest = part.Version, soonest
			select {
			case s.parts <- part:
			case <-ctx.Done():
			}
		}
	}
}

// stop stops everything before the lease can have run out, or at once where the session is lost. It tells whether that was done in
// order. Where nothing runs it is told so as well, but nobody is ended by force for not listening.
func (s *session) stop(over context.Context, why error, hangUp func()) (inOrder bool) {
	ctx, force := context.WithCancel(context.WithoutCancel(over))
	defer force()
	look := s.looks()
	defer look.Stop()
	s.notUntil = s.now()
	lost, killed, said := over.Done(), false, ""
	if errors.Is(why, ErrOverdue) {
		lost = nil // nobody else is at work before the lease has run out
	}
	by := s.limits
	for {
		now, end := s.now(), by()
		if now >= end.force {
			force()
		}
		if now >= end.kill && !killed && (s.runs || s.applying) {
			killed = true
			s.o.Kill(why)
		}
		switch {
		case s.applying:
		case now >= end.force && !s.runs:
			return true
		case killed:
			return false
		case now >= s.notUntil:
			s.start(ctx, stopped(s.worker))
		}
		select {
		case <-lost: // others may be at work already
			lost, end = nil, by()
			at := limits{min(end.force, now), min(end.kill, now+s.margin())}
			by = func() limits { return at }
		case r := <-s.results:
			s.applying = false
			switch {
			case r.part.Incarnation != "": // of the part that was being applied
			case r.err == nil:
				return !killed
			default:
				if text := r.err.Error(); text != said { // and not each time
					said = text
					s.o.Log.Warn("not everything could be stopped, which is tried again", "worker", s.worker.Name, "error", r.err)
				}
				s.notUntil = now + s.margin()/4
				hangUp() // until the lease runs out, and not for ever
			}
		case <-look.C:
		}
	}
}

// limits is when what has not stopped is ended by force, and when nothing may run any more.
type limits struct{ force, kill time.Duration }

// limits are those of the lease.
func (s *session) limits() limits {
	l, _, _ := s.known()
	return limits{l.force(), l.kill()}
}

// margin is how long force may take.
func (s *session) margin() time.Duration {
	by := s.limits()
	return by.kill - by.force
}

// leave says that nothing runs any more, so that nobody waits for the lease to run out.
func (s *session) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	if err := s.Leave(ctx); err != nil && !errors.Is(err, ErrLost) {
		s.o.Log.Debug("the engine could not be told that the worker leaves: its lease has to run out", "worker", s.worker.Name, "error", err)
	}
}
