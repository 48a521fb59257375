package scheduler

import (
	"testing"

	"teamtask.dev/ozymandias/schedule"
)

// Times grow as long as a thing is as it was, and begin anew when it is not. Who has just begun knows of none.
func TestClock(t *testing.T) {
	var c clock
	look := func(incarnation string, plan, step int64) (schedule.Node, schedule.Job) {
		s := schedule.State{Nodes: []schedule.Node{{Name: "n1", Incarnation: incarnation, Plan: schedule.Plan{Version: plan}}},
			Jobs: []schedule.Job{{UID: "u1", Deploy: &schedule.Deploy{Step: step}}}}
		c.look(&s)
		return s.Nodes[0], s.Jobs[0]
	}
	check := func(what string, n schedule.Node, j schedule.Job, away, steady, waited bool) {
		t.Helper()
		if (n.Away > 0) != away || (n.Steady > 0) != steady || (j.Waited > 0) != waited {
			t.Errorf("%s: away %v, steady %v, waited %v", what, n.Away, n.Steady, j.Waited)
		}
	}
	for _, of := range []struct {
		what                 string
		incarnation          string
		plan, step           int64
		away, steady, waited bool
	}{
		{"at first", "a", 1, 1, false, false, false},
		{"nothing has changed", "a", 1, 1, false, true, true},
		{"a new plan", "a", 2, 1, false, false, true},
		{"the deploy came forward", "a", 2, 3, false, true, false},
		{"lost", "", 2, 3, false, true, true},
		{"still lost", "", 2, 3, true, true, true},
		{"back", "b", 2, 3, false, true, true},
		{"lost again", "", 2, 3, false, true, true},
	} {
		n, j := look(of.incarnation, of.plan, of.step)
		check(of.what, n, j, of.away, of.steady, of.waited)
	}
}
