package state_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
)

// A node that is alive is not forgotten; one that is not is, with its plan, and whoever decided before has to decide anew.
func TestForget(t *testing.T) {
	b := newBench(t)
	_, id := b.join("n1")
	b.join("n2")
	change, _ := web()
	if _, err := b.Commit(t.Context(), b.basis(), change); err != nil {
		t.Fatal(err)
	}
	if err := b.Forget(t.Context(), "n1"); !errors.Is(err, state.ErrAlive) {
		t.Errorf("n1 is alive: Forget() = %v", err)
	}
	if err := b.Forget(t.Context(), "n3"); !errors.Is(err, state.ErrNoNode) {
		t.Errorf("there is no n3: Forget() = %v", err)
	}
	b.revoke(id)
	before := b.basis()
	if err := b.Forget(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	now, _ := b.state()
	if len(now.Nodes) != 1 || now.Nodes[0].Name != "n2" || now.Version != 2 {
		t.Errorf("the state is %+v", now)
	}
	if _, err := b.Commit(t.Context(), before, state.Change{Plans: map[string]schedule.Plan{"n1": {}}}); !errors.Is(err, state.ErrOvertaken) {
		t.Errorf("a plan for it was written: %v", err)
	}
	b.join("n1")
	if now, _ := b.state(); len(now.Nodes) != 2 || len(now.Nodes[0].Plan.Instances) > 0 {
		t.Errorf("it is back: %+v", now)
	}
}

// Work is written beside decisions, and none of both is lost.
func TestWork(t *testing.T) {
	b := newBench(t)
	b.join("n1")
	if err := b.Work(t.Context(), "u1", state.Work{Instances: new(3)}); !errors.Is(err, state.ErrNoJob) {
		t.Errorf("there is no job: Work() = %v", err)
	}
	change, _ := web()
	if _, err := b.Commit(t.Context(), b.basis(), change); err != nil {
		t.Fatal(err)
	}
	before := b.basis()
	for range 2 { // the second time nothing changes
		if err := b.Work(t.Context(), "u1", state.Work{Instances: new(3), Trouble: "a while"}); err != nil {
			t.Fatal(err)
		}
	}
	now, _ := b.state()
	if j := now.Jobs[0]; now.Version != 2 || j.Work == nil || *j.Work != 3 || j.Finished || j.Trouble != "a while" || j.Spec.Name != "web" {
		t.Errorf("at version %d the job is %+v", now.Version, j)
	}
	if _, err := b.Commit(t.Context(), before, change); !errors.Is(err, state.ErrOvertaken) {
		t.Errorf("decided without it: %v", err)
	}
	for _, next := range []struct {
		work     state.Work
		n        int
		finished bool
	}{
		{state.Work{Trouble: "nobody answers"}, 3, false}, // as many as were last known
		{state.Work{Instances: new(2)}, 2, false},
		{state.Work{Instances: new(0), Finished: true}, 0, true},
		{state.Work{Trouble: "it has failed"}, 0, true},
	} {
		if err := b.Work(t.Context(), "u1", next.work); err != nil {
			t.Fatal(err)
		}
		now, _ := b.state()
		if j := now.Jobs[0]; j.Work == nil || *j.Work != next.n || j.Finished != next.finished || j.Trouble != next.work.Trouble {
			t.Errorf("%+v makes the job %+v", next.work, j)
		}
	}
}

// Labels that were given win over those that the node joins with, also when it joins again.
func TestLabels(t *testing.T) {
	b := newBench(t)
	_, id := b.join("n1")
	if found, err := b.Label(t.Context(), "n1", map[string]*string{"zone": new("a"), "disk": nil, "gpu": new("")}); !found || err != nil {
		t.Fatal(found, err)
	}
	if found, err := b.Label(t.Context(), "n1", map[string]*string{"gpu": nil}); !found || err != nil {
		t.Fatal(found, err)
	}
	if found, err := b.Label(t.Context(), "n2", nil); found || err != nil {
		t.Errorf("there is no n2: %v, %v", found, err)
	}
	check := func() {
		t.Helper()
		if now, _ := b.state(); !maps.Equal(now.Nodes[0].Labels, map[string]string{"zone": "a"}) {
			t.Errorf("the labels are %v", now.Nodes[0].Labels)
		}
	}
	check()
	b.revoke(id)
	b.join("n1")
	check()
}

// A node that begins a new life takes the place of its last one, so that it is never seen lost; and what was decided for the last life
// is not written for this one.
func TestNewLife(t *testing.T) {
	b := newBench(t)
	first, old := b.join("n1")
	m := b.mirror()
	before := b.basis()
	l, err := lease.Grant(t.Context(), b.Direct, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Join(t.Context(), "n1", machine, state.Report{}, l.ID, old+1); !errors.Is(err, state.ErrNameTaken) {
		t.Errorf("with another lease: %v", err)
	}
	second, err := b.Join(t.Context(), "n1", machine, state.Report{}, l.ID, old)
	if err != nil || second == first {
		t.Fatal(second, err)
	}
	change, _ := web()
	if _, err := b.Commit(t.Context(), before, change); !errors.Is(err, state.ErrOvertaken) {
		t.Errorf("placed on a node of another life: %v", err)
	}
	b.revoke(old)
	b.until(m, "the second life", func(s schedule.State) bool { return s.Nodes[0].Incarnation == second })
	if now, _ := b.state(); now.Nodes[0].Incarnation != second {
		t.Errorf("with the first lease the second life ended: %+v", now.Nodes[0])
	}
}

// An entry that somebody has made by hand is under no lease. It is not taken for a former life of which nothing is known.
func TestEntryByHand(t *testing.T) {
	b := newBench(t)
	if _, err := b.Direct.Put(t.Context(), state.Prefix+"live/n1", `{"incarnation": "x"}`); err != nil {
		t.Fatal(err)
	}
	l, err := lease.Grant(t.Context(), b.Direct, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Join(t.Context(), "n1", machine, state.Report{}, l.ID, 0); !errors.Is(err, state.ErrNameTaken) {
		t.Errorf("Join() = %v", err)
	}
}

// A decision that etcd does not take as a whole is told from others that fail.
func TestTooLarge(t *testing.T) {
	b := newBench(t)
	plans := map[string]schedule.Plan{}
	for range 200 {
		plans[strings.Repeat("n", len(plans)+1)] = schedule.Plan{}
	}
	if _, err := b.Commit(t.Context(), b.basis(), state.Change{Plans: plans}); !errors.Is(err, state.ErrTooLarge) {
		t.Errorf("200 records: %v", err)
	}
	for _, size := range []int{2e6, 1e7} {
		events := []schedule.Event{{Text: strings.Repeat("x", size)}}
		if _, err := b.Commit(t.Context(), b.basis(), state.Change{Plans: map[string]schedule.Plan{"n1": {}}, Events: events}); !errors.Is(err, state.ErrTooLarge) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// A plan says of epochs and versions what was true when it was decided, so it is written at no other version.
func TestWrittenAsDecided(t *testing.T) {
	b := newBench(t)
	b.join("n1")
	_, planned := web()
	planned.Epoch = 7
	for _, plan := range []schedule.Plan{{Version: 2}, {Instances: []schedule.Planned{planned}}, {Leaving: []schedule.Leaving{{Instance: planned.Instance, Version: 2}}}} {
		if _, err := b.Commit(t.Context(), b.basis(), state.Change{Plans: map[string]schedule.Plan{"n1": plan}}); err == nil {
			t.Errorf("%+v was written at version 1", plan)
		}
	}
	if _, err := b.Commit(t.Context(), b.basis(), state.Change{Drains: map[string]bool{"n7": true}}); !errors.Is(err, state.ErrNoNode) {
		t.Errorf("there is no n7: %v", err)
	}
}

// What a later program has decided is not decided upon by an earlier one, which would misread it.
func TestLaterFormat(t *testing.T) {
	b := newBench(t)
	b.join("n1")
	if _, err := b.Direct.Put(t.Context(), state.Prefix+"head", `{"format": 99, "version": 5}`); err != nil {
		t.Fatal(err)
	}
	change, _ := web()
	if _, err := b.Commit(t.Context(), b.basis(), change); err == nil || b.basis().Err() == nil {
		t.Errorf("Commit() = %v", err)
	}
	if err := b.Work(t.Context(), "u1", state.Work{Instances: new(1)}); err == nil || errors.Is(err, state.ErrNoJob) {
		t.Errorf("Work() = %v", err)
	}
	if err := b.Recover(t.Context(), "a test"); err == nil {
		t.Error("Recover() goes on from it")
	}
}
