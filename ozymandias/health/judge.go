package health

import "time"

// finding is what came of one check.
type finding struct {
	// fault says what is wrong, for people; empty if the check succeeded.
	fault string
	// unsure says that the fault need not be the container's.
	unsure bool
}

// judge makes verdicts of findings.
type judge struct {
	healthy, unhealthy int // thresholds
	interval           time.Duration
	listens            bool      // it is asked over the network
	counts             time.Time // a failure of a check that began before this does not count

	successes, failures int // in a row
	succeeded           bool
	verdict             Verdict
	given               bool // whether there has been a verdict
}

// add takes in what came of the check that began at a time, and tells whether there is a new verdict.
func (j *judge) add(at time.Time, found finding) bool {
	if found.fault == "" {
		j.succeeded = true
		j.successes++
		j.failures = 0
		return j.successes >= j.healthy && j.turn(Verdict{Healthy: true})
	}
	if found.unsure && j.succeeded {
		return false
	}
	j.successes = 0
	if at.Before(j.counts) {
		return false
	}
	if !j.given {
		j.counts = at.Add(j.interval)
	}
	j.failures++
	return j.failures >= j.unhealthy && j.turn(Verdict{Message: found.fault})
}

// turn changes the verdict, if this is another one.
func (j *judge) turn(to Verdict) bool {
	if j.given && j.verdict.Healthy == to.Healthy {
		return false
	}
	j.given, j.verdict = true, to
	j.counts = time.Time{} // from now on each check is an interval after the one before
	return true
}

// pause is the time between the beginnings of this check, so long after the first, and the next.
//
// What begins to listen is well a moment after it was started: as long as it refuses, it is asked five times in the first second
// rather than once, each time after twice as long. A command is not, as it costs more to run than to wait.
func (j *judge) pause(since time.Duration) time.Duration {
	switch {
	case j.given:
		return j.interval
	case j.listens && j.successes == 0 && since < early:
		return min(max(since, soon), early-since)
	}
	return min(early, j.interval)
}
