package scheduler

import (
	"testing"

	"teamtask.dev/ozymandias/schedule"
)

// Times grow as long as a thing is as it was, and begin anew when it is not. Who has just begun knows of none.
func TestClock(t *testing.T) {
	var c clock
	look := func(incarnation string, load float64, plan, step int64) (schedule.Node, schedule.Job) {
		s := schedule.State{Nodes: []schedule.Node{{Name: "n1", Incarnation: incarnation, Load: load, Plan: schedule.Plan{Version: plan}}},
			Jobs: []schedule.Job{{UID: "u1", Deploy: &schedule.Deploy{Step: step}}}}
		c.look(&s)
		return s.Nodes[0], s.Jobs[0]
	}
	check := func(what string, n schedule.Node, j schedule.Job, away, steady, overloaded, waited bool) {
		t.Helper()
		if (n.Away > 0) != away || (n.Steady > 0) != steady || (n.Overloaded > 0) != overloaded || (j.Waited > 0) != waited {
			t.Errorf("%s: away %v, steady %v, overloaded %v, waited %v", what, n.Away, n.Steady, n.Overloaded, j.Waited)
		}
	}
	for _, of := range []struct {
		what                             string
		incarnation                      string
		load                             float64
		plan, step                       int64
		away, steady, overloaded, waited bool
	}{
		{"at first", "a", 0.5, 1, 1, false, false, false, false},
		{"nothing has changed", "a", 0.5, 1, 1, false, true, false, true},
		{"a new plan", "a", 2, 2, 1, false, false, false, true},
		{"the deploy came forward", "a", 1.8, 2, 3, false, true, true, false},
		{"lost", "", 2, 2, 3, false, true, false, true},
		{"still lost", "", 2, 2, 3, true, true, false, true},
		{"back", "b", 2, 2, 3, false, true, false, true},
		{"as busy as it was", "b", 2, 2, 3, false, true, true, true},
		{"not so busy for a moment", "b", 1.4, 2, 3, false, true, false, true},
		{"busy again", "b", 2, 2, 3, false, true, false, true},
		{"lost again", "", 2, 2, 3, false, true, false, true},
	} {
		n, j := look(of.incarnation, of.load, of.plan, of.step)
		check(of.what, n, j, of.away, of.steady, of.overloaded, of.waited)
	}
}
