package state_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
)

// A bench has an etcd and a store in it.
type bench struct {
	*testing.T
	*etcdtest.Etcd
	*state.Store
}

func newBench(t *testing.T) *bench {
	e := etcdtest.Start(t)
	return &bench{T: t, Etcd: e, Store: state.New(e.Direct)}
}

// mirror is one that follows the records until the test ends.
func (b *bench) mirror() *state.Mirror {
	b.Helper()
	m, err := b.NewMirror(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx) })
	b.Cleanup(running.Wait)
	b.Cleanup(cancel)
	return m
}

// basis is what a decision rests on that is taken now.
func (b *bench) basis() state.Basis {
	b.Helper()
	m, err := b.NewMirror(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	_, basis, _ := m.State()
	return basis
}

// join has a node join, and returns its incarnation and its lease.
func (b *bench) join(name string) (string, clientv3.LeaseID) {
	b.Helper()
	l, err := lease.Grant(b.Context(), b.Direct, time.Hour)
	if err != nil {
		b.Fatal(err)
	}
	incarnation, err := b.Join(b.Context(), name, machine, state.Report{}, l.ID, 0)
	if err != nil {
		b.Fatal(err)
	}
	return incarnation, l.ID
}

func (b *bench) revoke(id clientv3.LeaseID) {
	b.Helper()
	if _, err := b.Direct.Revoke(b.Context(), id); err != nil {
		b.Fatal(err)
	}
}

// until waits for a state in the mirror.
func (b *bench) until(m *state.Mirror, what string, is func(schedule.State) bool) schedule.State {
	b.Helper()
	for over := time.After(3 * time.Minute); ; {
		now, _, changed := m.State()
		if is(now) {
			return now
		}
		select {
		case <-changed:
		case <-over:
			b.Fatalf("never so: %s; the state is %+v", what, now)
		}
	}
}

var machine = state.Machine{Address: "192.0.2.1", Labels: map[string]string{"disk": "ssd"},
	Capacity: placement.Resources{Memory: 4e9, Disk: 1e11, CPU: 4000}}

// web is a job as it is stored first, and a plan that has its only instance.
func web() (state.Change, schedule.Planned) {
	spec := job.Job{Name: "web", Containers: map[string]job.Container{"app": {Image: "app"}}}.Default()
	planned := schedule.Planned{Instance: schedule.Instance{Job: "u1", ID: "0"}, Revision: 1, Epoch: 1}
	return state.Change{
		Jobs:  map[string]*schedule.Job{"u1": {UID: "u1", Spec: spec, Revision: 1}},
		Plans: map[string]schedule.Plan{"n1": {Instances: []schedule.Planned{planned}}},
	}, planned
}

// What is committed and reported is seen by whoever follows, each with what it says.
func TestFollowed(t *testing.T) {
	b := newBench(t)
	m := b.mirror()
	incarnation, id := b.join("n1")
	change, planned := web()
	if _, err := b.Commit(t.Context(), b.basis(), change); err != nil {
		t.Fatal(err)
	}
	report := state.Report{Incarnation: incarnation, Load: 0.5, Plan: 1,
		Volumes:   []schedule.Volume{{Instance: planned.Instance, Name: "data", Space: 1e9}},
		Instances: []state.Instance{{Instance: planned.Instance, Condition: schedule.Condition{Epoch: 1, Revision: 1, Phase: schedule.Running, Address: "10.0.0.2", Healthy: true}}}}
	if _, err := b.Report(t.Context(), "n1", report, id); err != nil {
		t.Fatal(err)
	}
	seen := b.until(m, "the report", func(s schedule.State) bool { return len(s.Nodes) == 1 && len(s.Nodes[0].Report.Instances) == 1 })
	node := seen.Nodes[0]
	switch {
	case seen.Version != 1, len(seen.Jobs) != 1, seen.Jobs[0].UID != "u1", seen.Jobs[0].Spec.Containers["app"].Image != "app":
		t.Errorf("the job is %+v at version %d", seen.Jobs, seen.Version)
	case node.Name != "n1", node.Incarnation != incarnation, node.Capacity != machine.Capacity, node.Labels["disk"] != "ssd":
		t.Errorf("the node is %+v", node)
	case node.Plan.Version != 1, len(node.Plan.Instances) != 1, node.Plan.Instances[0].Instance != planned.Instance:
		t.Errorf("the plan is %+v", node.Plan)
	case node.Load != 0.5, len(node.Volumes) != 1, node.Report.Plan != 1, !node.Report.Instances[planned.Instance].Healthy:
		t.Errorf("the report is %+v, the volumes %+v", node.Report, node.Volumes)
	}

	b.revoke(id)
	lost := b.until(m, "the end of the lease", func(s schedule.State) bool { return !s.Nodes[0].Alive() }).Nodes[0]
	if len(lost.Report.Instances) > 0 || lost.Load > 0 || len(lost.Plan.Instances) != 1 {
		t.Errorf("a lost node has the report %+v and the plan %+v; want none, and its plan", lost.Report, lost.Plan)
	}

	if _, err := b.Commit(t.Context(), b.basis(), state.Change{Jobs: map[string]*schedule.Job{"u1": nil}, Plans: map[string]schedule.Plan{"n1": {}}}); err != nil {
		t.Fatal(err)
	}
	b.until(m, "the end of the job", func(s schedule.State) bool {
		return s.Version == 2 && len(s.Jobs) == 0 && len(s.Nodes[0].Plan.Instances) == 0
	})
}

// Of decisions taken from the same state one is taken, whoever takes them; the others are told to read again.
func TestOneDecisionWins(t *testing.T) {
	b := newBench(t)
	b.join("n1")
	basis := b.basis()
	const deciders = 8
	results := make(chan error, deciders)
	for i := range deciders {
		go func() {
			spec := job.Job{Name: fmt.Sprint("job", i)}
			_, err := b.Commit(t.Context(), basis, state.Change{Jobs: map[string]*schedule.Job{spec.Name: {UID: spec.Name, Spec: spec}}})
			results <- err
		}()
	}
	won := 0
	for range deciders {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, state.ErrOvertaken):
			t.Errorf("refused with %v", err)
		}
	}
	m, err := b.NewMirror(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if now, _, _ := m.State(); won != 1 || len(now.Jobs) != 1 || now.Version != 1 {
		t.Errorf("%d decisions were taken, and %d jobs are there at version %d", won, len(now.Jobs), now.Version)
	}
}

// Nothing is given to a node whose lease has ended since, not even if it is back under another; to take everything from one that is lost is
// no matter of its lease.
func TestNodeLost(t *testing.T) {
	b := newBench(t)
	_, id := b.join("n1")
	alive := b.basis()
	b.revoke(id)
	change, _ := web()
	if _, err := b.Commit(t.Context(), alive, change); !errors.Is(err, state.ErrOvertaken) {
		t.Errorf("placed on a node that is lost: %v", err)
	}
	dead := b.basis()
	b.join("n1")
	for _, stale := range []state.Basis{alive, dead} {
		if _, err := b.Commit(t.Context(), stale, change); !errors.Is(err, state.ErrOvertaken) {
			t.Errorf("placed on a node of another incarnation: %v", err)
		}
	}
	if _, err := b.Commit(t.Context(), alive, state.Change{Plans: map[string]schedule.Plan{"n1": {}}}); err != nil {
		t.Errorf("taken from a node that was lost and is back: %v", err)
	}
}

// An answer that is lost is looked up: the decision was taken, or it is not known to be; and what was not taken by then cannot be once
// another has been.
func TestAnswerLost(t *testing.T) {
	for _, of := range []struct {
		name  string
		lost  etcdtest.Cut
		want  error
		taken int64
	}{
		{"the answer is lost", etcdtest.Answers, nil, 1},
		{"the request is lost", etcdtest.Requests, state.ErrUnknown, 0},
	} {
		t.Run(of.name, func(t *testing.T) {
			b := newBench(t)
			b.join("n1")
			far := state.New(b.Cuttable)
			basis := b.basis()
			change, _ := web()
			if _, err := b.Cuttable.Get(t.Context(), "x"); err != nil { // so that it is connected
				t.Fatal(err)
			}

			// The way is whole again when the caller's patience has ended, which is once the decision was taken, if it can be.
			m := b.mirror()
			b.Lose(of.lost)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if of.taken > 0 {
				ctx, cancel = context.WithCancel(t.Context())
				go func() {
					defer cancel()
					for now, _, changed := m.State(); now.Version < of.taken && t.Context().Err() == nil; now, _, changed = m.State() {
						<-changed
					}
				}()
			}
			defer cancel()
			defer context.AfterFunc(ctx, func() { b.Lose(etcdtest.Nothing) })()
			if _, err := far.Commit(ctx, basis, change); !errors.Is(err, of.want) {
				t.Errorf("Commit() = %v, want %v", err, of.want)
			}
			now, fresh := b.state()
			if now.Version != of.taken {
				t.Errorf("%d decisions were taken, want %d", now.Version, of.taken)
			}
			if _, err := b.Commit(t.Context(), fresh, state.Change{Plans: map[string]schedule.Plan{"n1": {}}}); err != nil {
				t.Fatal(err)
			}
			if _, err := far.Commit(t.Context(), basis, change); !errors.Is(err, state.ErrOvertaken) {
				t.Errorf("taken after another: %v", err)
			}
		})
	}
}

func (b *bench) state() (schedule.State, state.Basis) {
	b.Helper()
	m, err := b.NewMirror(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	now, basis, _ := m.State()
	return now, basis
}

// A node's name is one machine's at a time. What an administrator said of the node stays when it comes back.
func TestJoin(t *testing.T) {
	b := newBench(t)
	first, id := b.join("n1")
	other, err := lease.Grant(t.Context(), b.Direct, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Join(t.Context(), "n1", machine, state.Report{}, other.ID, 0); !errors.Is(err, state.ErrNameTaken) {
		t.Errorf("a second n1: %v", err)
	}
	if _, err := b.Commit(t.Context(), b.basis(), state.Change{Drains: map[string]bool{"n1": true}}); err != nil {
		t.Errorf("n1 is to drain: %v", err)
	}
	if life, of, err := b.Life(t.Context(), "n1"); life.Incarnation != first || of != id || err != nil {
		t.Errorf("Life = %v, %v", life, err)
	}
	b.revoke(id)
	if life, _, err := b.Life(t.Context(), "n1"); life.Incarnation == first || err != nil {
		t.Errorf("Life after its lease = %v, %v", life, err)
	}
	second, _ := b.join("n1")
	now, _ := b.state()
	if node := now.Nodes[0]; node.Incarnation != second || second == first || !node.Draining {
		t.Errorf("the node that came back is %+v", node)
	}
	if life, _, err := b.Life(t.Context(), "n1"); life.Incarnation == first || err != nil {
		t.Errorf("Life as the second lives = %v, %v", life, err)
	}
}

// A mirror that was cut off for so long that etcd's history does not go back that far has all of it again, without what has gone meanwhile.
func TestHistoryGone(t *testing.T) {
	b := newBench(t)
	b.Store = state.New(b.Cuttable)
	m := b.mirror()
	b.Store = state.New(b.Direct)
	b.join("n1")
	change, _ := web()
	if _, err := b.Commit(t.Context(), b.basis(), change); err != nil {
		t.Fatal(err)
	}
	b.until(m, "the job", func(s schedule.State) bool { return len(s.Jobs) == 1 })
	b.Lose(etcdtest.Both)
	b.join("n2")
	if _, err := b.Commit(t.Context(), b.basis(), state.Change{Jobs: map[string]*schedule.Job{"u1": nil}}); err != nil {
		t.Fatal(err)
	}
	last, err := b.Direct.Get(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Direct.Compact(t.Context(), last.Header.Revision); err != nil {
		t.Fatal(err)
	}
	b.Lose(etcdtest.Nothing)
	b.until(m, "what happened meanwhile", func(s schedule.State) bool { return len(s.Jobs) == 0 && len(s.Nodes) == 2 })
}

// A record that cannot be read may say that something runs: nothing is decided until it can be, or is gone. It does not hide the others.
func TestOddRecord(t *testing.T) {
	b := newBench(t)
	b.join("n1")
	m := b.mirror()
	if _, err := b.Direct.Put(t.Context(), state.Prefix+"plans/n1", "no JSON"); err != nil {
		t.Fatal(err)
	}
	b.join("n2")
	b.until(m, "the node beside it", func(s schedule.State) bool { return len(s.Nodes) == 2 })
	change, _ := web()
	_, fresh := b.state()
	now, followed, _ := m.State()
	if !now.Partial {
		t.Error("the state is said to be whole")
	}
	for how, basis := range map[string]state.Basis{"read": fresh, "followed": followed} {
		if _, err := b.Commit(t.Context(), basis, change); err == nil || !strings.Contains(err.Error(), "/ozymandias/plans/n1 in etcd was not written by this program") {
			t.Errorf("%s: Commit() = %v", how, err)
		}
	}
	if _, err := b.Direct.Delete(t.Context(), state.Prefix+"plans/n1"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Commit(t.Context(), b.basis(), change); err != nil {
		t.Error(err)
	}
}

// Who joins again under the same lease, as the answer was lost, is who joined before. What a node says of itself is there from the moment
// it lives.
func TestJoinAgain(t *testing.T) {
	b := newBench(t)
	l, err := lease.Grant(t.Context(), b.Direct, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	report := state.Report{Volumes: []schedule.Volume{{Instance: schedule.Instance{Job: "u1", ID: "0"}, Name: "data", Space: 1e9}}}
	first, err := b.Join(t.Context(), "n1", machine, report, l.ID, 0)
	if err != nil {
		t.Fatal(err)
	}
	if now, _ := b.state(); len(now.Nodes) != 1 || now.Nodes[0].Incarnation != first || len(now.Nodes[0].Volumes) != 1 {
		t.Errorf("after it has joined the state is %+v", now)
	}
	if again, err := b.Join(t.Context(), "n1", machine, report, l.ID, 0); again != first || err != nil {
		t.Errorf("joined again: %q, %v; was %q", again, err, first)
	}
}
