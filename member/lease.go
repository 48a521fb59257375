package member

import "time"

// lease is what a worker knows of its lease. Times are those of a clock that goes on while the machine sleeps.
//
// The engine counts from when it hears a renewal, the worker from when it sent it, which is earlier. The tenth that is left at the end
// is for clocks that go at different rates, and for a machine that takes its time to do what it was told.
type lease struct {
	sent   time.Duration // when the last renewal that succeeded was sent
	length time.Duration
}

// renewal is when it is time for the next: one more may fail, and there is still time for another before stop.
func (l lease) renewal() time.Duration { return l.sent + l.length/3 }

// attempt is how long one renewal may take.
func (l lease) attempt() time.Duration { return l.length / 6 }

// rest is how long is waited after one that failed.
func (l lease) rest() time.Duration { return l.length / 40 }

// stop is when everything is asked to stop, as no renewal has succeeded for too long.
func (l lease) stop() time.Duration { return l.sent + l.length*2/3 }

// force is when what has not stopped by itself is to be ended by force.
func (l lease) force() time.Duration { return l.sent + l.length*17/20 }

// kill is when nothing may run any more.
func (l lease) kill() time.Duration { return l.sent + l.length*9/10 }

// look is how often the clock is looked at, whatever else happens: timers stand still while the machine sleeps.
func (l lease) look() time.Duration { return max(l.length/50, time.Millisecond) }
