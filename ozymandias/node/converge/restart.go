package converge

import (
	"fmt"
	"time"

	"teamtask.dev/ozymandias/job"
)

const (
	longest = time.Minute      // between an end and the next start
	calm    = 10 * time.Minute // after which an end is the first one again
)

// pause is how long to wait after that many failures in a row: 1, 2, 4 seconds, up to a minute.
func pause(before int) time.Duration {
	if before > 5 {
		return longest
	}
	return min(time.Second<<max(before, 0), longest)
}

// A container is one of an instance's.
type container struct {
	Facts
	exit     int       // the code of the last time that it ended: podman forgets it when it is started again
	restarts int       // all that there were
	streak   int       // those without ten good minutes in between
	again    time.Time // when it is started again; zero if it is not, or has not ended
	delay    time.Duration
	healthy  *bool  // nil before the first verdict
	why      string // it is not
	well     bool   // it has been healthy at least once since it was made
	ousted   bool   // it was ended because it was not healthy
}

// take takes in how the container stands, and sees to it that it is started again if it ended.
func (c *container) take(now time.Time, facts Facts, policy job.Restart) {
	before := c.Facts
	c.Facts = facts
	if !facts.Started.Equal(before.Started) {
		if !before.Started.IsZero() {
			c.restarts++
			c.healthy, c.why, c.ousted = nil, "", false
		}
	} else if before.State == Ended {
		return
	}
	if facts.State != Ended {
		c.again = time.Time{}
		return
	}
	c.exit = facts.ExitCode
	if facts.Ended.Sub(facts.Started) >= calm {
		c.streak = 0
	}
	c.again = time.Time{}
	if c.resumes(policy) {
		c.delay = pause(c.streak)
		c.again = now.Add(c.delay)
		c.streak++
	}
}

// good tells whether a container that ended did so as it should.
func (c *container) good() bool { return c.ExitCode == 0 && !c.ousted }

// resumes tells whether a container that ended is to be started again.
func (c *container) resumes(policy job.Restart) bool {
	switch policy.Policy {
	case job.Always:
		return true
	case job.OnFailure:
		return !c.good() && (policy.Tries == 0 || c.restarts < policy.Tries)
	}
	return false
}

// over tells whether a container has ended for good.
func (c *container) over() bool { return c.State == Ended && c.again.IsZero() }

// policy is what becomes of a container that ends. One of which nothing is known is not to run.
func (i *instance) policy(name string) job.Restart {
	if i.spec == nil {
		return job.Restart{Policy: job.Never}
	}
	return i.spec.Containers[name].Restart
}

// ending says in words how a container ended.
func (c *container) ending(spec job.Container) string {
	switch {
	case c.OutOfMemory:
		return fmt.Sprintf("was killed as it used more than its %s of memory", spec.Memory)
	case c.ousted:
		return "was ended as it was not healthy: " + c.why
	case c.Error != "":
		return "could not run: " + c.Error
	case c.ExitCode > 128 && signals[c.ExitCode-128] != "":
		return fmt.Sprintf("was ended by %s (exit code %d)", signals[c.ExitCode-128], c.ExitCode)
	}
	text := fmt.Sprintf("ended with exit code %d", c.ExitCode)
	if c.ExitCode != 0 && c.Last != "" {
		text += ": " + c.Last
	}
	return text
}

// signals are those that programs end by, signal(7). A shell, and podman, has them as an exit code of 128 and more.
var signals = map[int]string{1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV",
	13: "SIGPIPE", 15: "SIGTERM"}
