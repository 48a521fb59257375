package scheduler

import (
	"sync"
	"time"

	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/uptime"
)

// A clock keeps for how long things have been as they are, since this process first saw them so. The clocks of machines differ, and are set;
// what is counted here is only ever too short, as long as this process lives.
type clock struct {
	mu   sync.Mutex
	seen map[subject]sight
}

// A subject is what is looked at: a node's absence, its plan, its being overloaded, or a job's deploy.
type subject struct{ kind, name string }

// A sight is what it looks like, and since when.
type sight struct {
	what  int64
	since time.Duration
}

// look fills in the times of a state.
func (c *clock) look(s *schedule.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, before := uptime.Now(), c.seen
	c.seen = map[subject]sight{}
	since := func(kind, name string, what int64) time.Duration {
		of := subject{kind, name}
		last, known := before[of]
		if !known || last.what != what {
			last = sight{what, now}
		}
		c.seen[of] = last
		return now - last.since
	}
	for i := range s.Nodes {
		n := &s.Nodes[i]
		if n.Away = 0; !n.Alive() {
			n.Away = since("absence", n.Name, 0)
		}
		n.Steady = since("plan", n.Name, n.Plan.Version)
		if n.Overloaded = 0; n.Alive() && n.IsOverloaded() {
			n.Overloaded = since("load", n.Name, 0)
		}
	}
	steps := s.Steps()
	for i := range s.Jobs {
		s.Jobs[i].Waited = since("deploy", s.Jobs[i].UID, steps[s.Jobs[i].UID])
	}
}
