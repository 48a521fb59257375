package scheduler_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/scheduler"
	"teamtask.dev/ozymandias/state"
)

// enter has nodes join that run nothing.
func (s *site) enter(names ...string) clientv3.LeaseID {
	s.Helper()
	l, err := lease.Grant(s.Context(), s.etcd.Direct, time.Hour)
	if err != nil {
		s.Fatal(err)
	}
	for _, name := range names {
		machine := state.Machine{Capacity: placement.Resources{Memory: 4e9, Disk: 1e11, CPU: 4000}}
		if _, err := s.store.Join(s.Context(), name, machine, state.Report{}, l.ID, 0); err != nil {
			s.Fatal(err)
		}
	}
	return l.ID
}

// after waits for a decision, and returns the state that it led to.
func (s *site) after(version int64) schedule.State {
	s.Helper()
	if err := s.mirror.Wait(s.Context(), version); err != nil {
		s.Fatal(err)
	}
	now, _, _ := s.mirror.State()
	return now
}

// What is changed, and what follows, is one decision.
func TestApply(t *testing.T) {
	s := newSite(t)
	s.enter("n1", "n2")
	api := &scheduler.Scheduler{Store: s.store, Mirror: s.mirror}
	apply := func(change func(schedule.State) (schedule.State, error)) int64 {
		t.Helper()
		version, decision, err := api.Apply(t.Context(), change)
		if err != nil || decision.Changed() && version != decision.Version {
			t.Fatalf("version %d of %+v, %v", version, decision, err)
		}
		return version
	}
	place := func(now schedule.State) string {
		for _, n := range now.Nodes {
			for _, p := range n.Plan.Instances {
				if p.Job == "uid-web" {
					return fmt.Sprintf("%s e%d r%d", n.Name, p.Epoch, p.Revision)
				}
			}
		}
		return "nowhere"
	}
	s.after(0)
	for mirror := s.mirror; ; {
		now, _, changed := mirror.State()
		if len(now.Nodes) == 2 {
			break
		}
		<-changed
	}

	first := apply(func(now schedule.State) (schedule.State, error) { return put("web", 1, "app:1")(now), nil })
	if got := place(s.after(first)); first != 1 || got != "n1 e1 r1" {
		t.Fatalf("put at %d: web is on %s", first, got)
	}
	again := apply(func(now schedule.State) (schedule.State, error) { return put("web", 1, "app:1")(now), nil })
	if again != first {
		t.Errorf("put as it is: %d", again)
	}
	drained := apply(func(now schedule.State) (schedule.State, error) { return now.Drain("n1", true) })
	now := s.after(drained)
	if got := place(now); got != fmt.Sprintf("n2 e%d r1", drained) || !now.Node("n1").Draining {
		t.Errorf("drained at %d: web is on %s, and n1 is %+v", drained, got, now.Node("n1"))
	}
	put2 := apply(func(now schedule.State) (schedule.State, error) { return put("web", 1, "app:2")(now), nil })
	if now = s.after(put2); now.Jobs[0].At(1) == nil || now.Jobs[0].At(2) == nil || now.Jobs[0].At(1).Containers["app"].Image != "app:1" {
		t.Errorf("put at %d: %+v", put2, now.Jobs[0])
	}
	var texts []string
	for _, e := range s.mirror.Events() {
		texts = append(texts, fmt.Sprintf("%d %s", e.Version, e.Text))
	}
	if want := "2 web-0 moves from n1 to n2: n1 is draining"; !slices.Contains(texts, want) || texts[0] != "1 web-0 goes to n1 at revision 1" {
		t.Errorf("the events are %q", texts)
	}
	failure := errors.New("no such job")
	if _, _, err := api.Apply(t.Context(), func(now schedule.State) (schedule.State, error) { return now, failure }); !errors.Is(err, failure) {
		t.Errorf("%v", err)
	}
}

// etcd takes 128 operations in a transaction unless it is told otherwise. A decision on more nodes is written in parts.
func TestLargeDecision(t *testing.T) {
	const nodes = 300
	s := newSite(t)
	var names []string
	for i := range nodes {
		names = append(names, fmt.Sprintf("n%03d", i))
	}
	s.enter(names...)
	s.until("all nodes", func(_ map[schedule.Instance]string, now schedule.State) bool { return len(now.Nodes) == nodes })
	decider := &scheduler.Scheduler{Node: "n000", Store: s.store, Mirror: s.mirror, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	version, decision, err := decider.Apply(t.Context(), func(now schedule.State) (schedule.State, error) {
		return now.Put("agent", job.Job{Name: "agent", Daemon: true, Containers: map[string]job.Container{"app": {Image: "app", Memory: 1e6}}}.Default()), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if now := s.after(version); len(now.Jobs) != 1 || len(decision.Plans) == 0 || len(decision.Plans) >= 128 {
		t.Errorf("%d plans were written with %+v", len(decision.Plans), now.Jobs)
	}
	s.running.Go(func() { decider.Run(t.Context()) })
	s.until("an instance on each", func(_ map[schedule.Instance]string, now schedule.State) bool {
		return !slices.ContainsFunc(now.Nodes, func(n schedule.Node) bool { return len(n.Plan.Instances) != 1 })
	})
}

// When most nodes are lost at once, what they were to run waits for them; and it does still when one of them is back.
func TestOutage(t *testing.T) {
	s := newSite(t)
	s.node("n1")
	both := s.enter("n2", "n3")
	s.until("three nodes", func(_ map[schedule.Instance]string, now schedule.State) bool { return len(now.Nodes) == 3 })
	if err := s.apply(s.mirror, put("web", 3, "app:1")); err != nil {
		t.Fatal(err)
	}
	s.until("an instance on each", func(_ map[schedule.Instance]string, now schedule.State) bool {
		return !slices.ContainsFunc(now.Nodes, func(n schedule.Node) bool { return len(n.Plan.Instances) != 1 })
	})
	if _, err := s.etcd.Direct.Revoke(t.Context(), both); err != nil {
		t.Fatal(err)
	}
	s.until("both are waited for", func(_ map[schedule.Instance]string, now schedule.State) bool {
		return now.Node("n2").Plan.Awaited && now.Node("n3").Plan.Awaited
	})
	s.enter("n2")
	s.until("n2 has a plan of its own", func(_ map[schedule.Instance]string, now schedule.State) bool {
		n := now.Node("n2")
		return n.Alive() && n.Plan.Incarnation == n.Incarnation
	})
	now, _, _ := s.mirror.State()
	if n := now.Node("n3"); !n.Plan.Awaited || len(n.Plan.Instances) != 1 {
		t.Errorf("the plan of n3 is %+v", n.Plan)
	}
}
