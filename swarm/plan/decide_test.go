package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm"
	"teamtask.dev/swarm/handover"
)

// loads are how many workloads each worker has.
func (w *world) loads() (out []int) {
	for i := range w.Workers {
		out = append(out, len(w.had(w.Workers[i].Name)))
	}
	return out
}

func (w *world) wants(t *testing.T, loads ...int) {
	t.Helper()
	if got := fmt.Sprint(w.loads()); got != fmt.Sprint(loads) {
		t.Fatalf("workers have %v workloads, want %v", got, loads)
	}
}

// A pool that comes up one worker after the other is shared among all of it from the start.
func TestExpectedWorkersCount(t *testing.T) {
	w := newWorld(0, 9)
	for range 3 {
		w.expect()
	}
	w.start(0)
	w.settle(t)
	w.wants(t, 3, 0, 0)
	w.start(1)
	w.settle(t)
	w.wants(t, 3, 3, 0)
	w.Now = w.Now.Add(patience)
	d := w.settle(t)
	if w.wants(t, 5, 4, 0); d.Wake != 0 {
		t.Errorf("wakes after %s", d.Wake)
	}
}

// A worker that restarts finds what it had; one that does not come back loses it once nobody has patience any more.
func TestPatience(t *testing.T) {
	w := newWorld(3, 9)
	w.settle(t)
	before := w.had("w1")
	w.kill(1)
	d := w.settle(t)
	if w.wants(t, 3, 3, 3); d.Status.Waiting != 3 || d.Wake != patience {
		t.Fatalf("%+v, wakes after %s", d.Status, d.Wake)
	}
	w.start(1)
	if w.settle(t); !reflect.DeepEqual(w.had("w1"), before) {
		t.Fatalf("it had %v, and has %v", before, w.had("w1"))
	}
	w.kill(1)
	w.Now = w.Now.Add(patience - 1)
	w.settle(t)
	w.wants(t, 3, 3, 3)
	w.Now = w.Now.Add(1)
	if d := w.settle(t); w.Record.Part("w1") != nil || d.Status.Phase() != v1alpha1.SwarmConverged || d.Status.Workers != 2 {
		t.Fatalf("%+v", d.Status)
	}
}

// A worker that was there by the word of an engine before keeps what it has, and nobody says that it runs it.
func TestUnheard(t *testing.T) {
	w := newWorld(2, 8)
	w.settle(t)
	w.Workers[1].Unheard = true
	d := w.settle(t)
	c := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionConverged)
	if w.wants(t, 4, 4); d.Status.Current != "1/2" || c.Status != metav1.ConditionUnknown || c.Reason != v1alpha1.SwarmUnknown || !strings.Contains(c.Message, "worker w1 has not been heard of") {
		t.Fatalf("%+v", d.Status)
	}
	w.Workers[1].Unheard = false
	if d := w.settle(t); d.Status.Current != "2/2" || d.Status.Phase() != v1alpha1.SwarmConverged {
		t.Fatalf("%+v", d.Status)
	}
}

// A worker that is about to go, and is gone, is not waited for.
func TestNoPatienceWithWhoDrains(t *testing.T) {
	w := newWorld(3, 9)
	w.settle(t)
	w.Workers[2].Draining = true
	w.kill(2)
	if d := w.settle(t); len(w.had("w0")) < 4 || d.Status.Phase() != v1alpha1.SwarmConverged {
		t.Fatalf("%v %+v", w.loads(), d.Status)
	}
}

// Of a suspended swarm nothing moves: not to new workers, nor from those that are away, however long. One that comes back finds what
// it had.
func TestSuspended(t *testing.T) {
	w := newWorld(2, 8)
	w.settle(t)
	w.Spec.Suspend = true
	w.start(w.expect())
	w.kill(0)
	w.Now = w.Now.Add(10 * patience)
	w.Workloads = append(w.Workloads[1:], swarm.Workload{Name: "new"})
	d := w.settle(t)
	if n := w.loads(); n[0]+n[1] != 7 || n[2] != 0 || d.Wake != 0 || d.Status.Phase() != v1alpha1.SwarmSuspended || d.Status.Waiting != int64(n[0]+1) {
		t.Fatalf("%v %+v", n, d.Status)
	}
	w.start(0)
	if d = w.settle(t); d.Status.Waiting != 1 {
		t.Fatalf("%v %+v", w.loads(), d.Status)
	}
	w.Spec.Suspend = false
	w.settle(t)
	if n := w.loads(); n[2] < 2 {
		t.Fatalf("%v", n)
	}
}

// A handover that was interrupted goes on to the end it was begun for, with no more moves than that.
func TestInterruptedHandoverGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.IntRange(1, 5).Draw(t, "workers"), rapid.IntRange(0, 40).Draw(t, "workloads"))
		w.settle(t)
		for range rapid.IntRange(1, 3).Draw(t, "more") {
			w.start(w.expect())
		}
		moves := len(w.decide(t).Result.Moves)
		granted := 0
		for range 100 {
			d := w.quiet(t)
			i := rapid.IntRange(0, len(w.Workers)-1).Draw(t, "worker")
			w.read(i)
			w.stop(i)
			w.check(t)
			for next := w.decide(t); ; next = w.decide(t) {
				granted += len(next.Granted)
				if !next.Changed {
					break
				}
			}
			if d.Status.Phase() == v1alpha1.SwarmConverged {
				break
			}
		}
		w.settle(t)
		if phase := w.Status.Phase(); granted > moves || w.Status.Workloads > 0 && phase != v1alpha1.SwarmConverged {
			t.Fatalf("%d granted for %d moves, %s", granted, moves, phase)
		}
	})
}

// In mode Available, and after it, a workload may have two owners; the one that it was granted last keeps it.
func TestTwoOwners(t *testing.T) {
	w := newWorld(2, 1)
	w.Record = handover.Record{Revision: 5, Parts: []handover.Part{
		{Worker: "w0", Incarnation: w.Workers[0].Incarnation, Version: 3, Acknowledged: 3, Grants: []handover.Grant{{Workload: "p00", Epoch: 3}}},
		{Worker: "w1", Incarnation: w.Workers[1].Incarnation, Version: 5, Acknowledged: 5, Grants: []handover.Grant{{Workload: "p00", Epoch: 5}}}}}
	for _, suspend := range []bool{false, true} {
		w.Spec.Suspend = suspend
		if d := Decide(w.Situation); len(d.Granted) > 0 || len(d.Revoked) != 1 || d.Revoked[0].Worker != "w0" {
			t.Errorf("suspend %v: %+v", suspend, d.Step)
		}
	}
}

// A head that was lost, say as a backup did not have it, is made up for: versions and epochs go on from the greatest that is known.
func TestLostHead(t *testing.T) {
	w := newWorld(2, 4)
	w.settle(t)
	last := w.Status.Version
	w.Status, w.Record.Revision, w.Record.Writing = v1alpha1.SwarmStatus{}, 0, nil
	w.start(w.expect())
	d := w.settle(t)
	if d.Status.Version <= last || d.Status.Phase() != v1alpha1.SwarmConverged {
		t.Errorf("%+v after version %d", d.Status, last)
	}
	for _, g := range w.Record.Part("w2").Grants {
		if int64(g.Epoch) <= last {
			t.Errorf("%+v after version %d", g, last)
		}
	}
}

// Each situation has its conditions, whose sentences say what to do.
func TestConditions(t *testing.T) {
	pool := &v1alpha1.PoolReference{Kind: "StatefulSet", Name: "streams"}
	for _, c := range []struct {
		name               string
		workers, workloads int
		change             func(*world)
		converged, text    string
		balanced           string
	}{
		{"all is well", 3, 26, nil, v1alpha1.SwarmConverged, "26 workloads on 3 workers", balanced},
		{"nothing to do", 1, 0, nil, v1alpha1.SwarmConverged, "there are no workloads: name some in spec.workloads", balanced},
		{"no workers", 0, 3, nil, v1alpha1.SwarmNoWorkers, "there are no workers; start some that join, with `teamtask join` or `teamtask swarm agent`", v1alpha1.SwarmNoWorkers},
		{"no pods", 0, 3, func(w *world) { w.Spec.Pool = pool }, v1alpha1.SwarmNoWorkers,
			"there are no workers; scale StatefulSet streams up, or see why its pods do not run (kubectl get pods)", v1alpha1.SwarmNoWorkers},
		{"no worker yet", 0, 3, func(w *world) { w.expect() }, v1alpha1.SwarmNoWorkers,
			"worker w0 is expected, and not there; it is waited for until 2001-09-09T01:47:10Z, then others get what it has", balanced},
		{"none of two workers yet", 0, 3, func(w *world) { w.expect(); w.expect() }, v1alpha1.SwarmNoWorkers,
			"workers w0 and w1 are expected, and not there; w0 is waited for until 2001-09-09T01:47:10Z, then others get what it has", balanced},
		{"a pod that does not run", 2, 4, func(w *world) { w.Workers[1].Idle = "its pod does not run: no such image" }, v1alpha1.SwarmWaiting,
			"worker w1 does not run, and 2 workloads wait for it: its pod does not run: no such image", balanced},
		{"ConfigMaps that have none", 1, 0, func(w *world) { w.Spec.Workloads.ConfigMaps = &metav1.LabelSelector{} }, v1alpha1.SwarmConverged,
			"there are no workloads: no ConfigMap that spec.workloads.configMaps selects has any", balanced},
		{"no pool", 2, 3, func(w *world) {
			w.Trouble = "spec.pool: there is no StatefulSet streams in the namespace default: make it, or correct the name"
		}, v1alpha1.SwarmInvalid, "spec.pool: there is no StatefulSet streams in the namespace default: make it, or correct the name; until then everything stays where it is", v1alpha1.SwarmInvalid},
		{"exclusive with one worker", 1, 3, func(w *world) { w.Workloads[1].Exclusive = true }, v1alpha1.SwarmWaiting,
			"1 workload waits; p01: no worker is free for it alone; add a worker, or do without exclusive", v1alpha1.SwarmWaiting},
		{"every worker is taken", 1, 3, func(w *world) { w.Workloads[1].Exclusive, w.Workloads[1].Priority = true, 1 }, v1alpha1.SwarmWaiting,
			"2 workloads wait; p00: every worker that it may use belongs to an exclusive workload; add workers", v1alpha1.SwarmWaiting},
		{"no room", 2, 5, func(w *world) { w.Spec.Capacity = 2 }, v1alpha1.SwarmWaiting,
			"no room: it needs 1, and the most that a worker it may use has free is 0; add workers, raise spec.capacity, or lower the weight", v1alpha1.SwarmWaiting},
		{"no such label", 2, 3, func(w *world) { w.Workloads[0].Require = map[string]string{"zone": "a"} }, v1alpha1.SwarmWaiting,
			"1 workload waits; p00: no worker has label zone=a; give a worker the labels, or take them out of what the workload requires", v1alpha1.SwarmWaiting},
		{"uneven for labels", 2, 9, func(w *world) {
			w.Workers[0].Labels = map[string]string{"zone": "a"}
			for i := range w.Workloads {
				w.Workloads[i].Require = map[string]string{"zone": "a"}
			}
		}, v1alpha1.SwarmConverged, "9 workloads on 2 workers", uneven},
		{"negative weight", 1, 3, func(w *world) { w.Workloads[2].Weight = -1 }, v1alpha1.SwarmInvalid, `workload "p02" has weight -1: it must be 1 to`, v1alpha1.SwarmInvalid},
		{"twice", 1, 3, func(w *world) { w.Workloads[2].Name = "p01" }, v1alpha1.SwarmInvalid, `workload "p01" is there twice: give every workload a name of its own`, v1alpha1.SwarmInvalid},
		{"too many for one", 1, MaxGrants + 1, nil, v1alpha1.SwarmInvalid,
			`worker "w0" would have 8193 workloads, of 8193 in all, and one can have 8192, or 1 MiB with their names: add workers, or have each workload stand for several`, v1alpha1.SwarmInvalid},
		{"too long for one", 1, 5000, func(w *world) {
			for i := range w.Workloads {
				w.Workloads[i].Name += strings.Repeat("x", 200)
			}
		}, v1alpha1.SwarmInvalid, `worker "w0" would have 5000 workloads, of 5000 in all, and one can have 8192, or 1 MiB with their names: add workers`, v1alpha1.SwarmInvalid},
		{"suspended", 1, 3, func(w *world) { w.Spec.Suspend = true }, v1alpha1.SwarmSuspended,
			"everything stays where it is, and what has no owner waits, until spec.suspend is false", v1alpha1.SwarmSuspended},
		{"deleted", 1, 3, func(w *world) { w.Deleted = true }, v1alpha1.SwarmMoving, "the Swarm is being deleted: it goes once its workers have let go of everything", v1alpha1.SwarmMoving},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(c.workers, c.workloads)
			if c.change != nil {
				c.change(w)
			}
			d := w.settle(t)
			for kind, want := range map[string]string{v1alpha1.ConditionConverged: c.converged, v1alpha1.ConditionBalanced: c.balanced} {
				got := meta.FindStatusCondition(d.Status.Conditions, kind)
				if got.Reason != want || (got.Status == metav1.ConditionTrue) != (want == v1alpha1.SwarmConverged || want == balanced) {
					t.Errorf("%s: %s, %s: %s; want %s", kind, got.Status, got.Reason, got.Message, want)
				}
				if kind == v1alpha1.ConditionConverged && !strings.Contains(got.Message, c.text) {
					t.Errorf("%s\nwant %s", got.Message, c.text)
				}
			}
			if n := int64(len(d.Status.Waits)); n != min(32, int64(len(d.Result.Waiting))) {
				t.Errorf("%d waits are told of", n)
			}
		})
	}
}

// Loads are the sums of what is granted.
func TestLoads(t *testing.T) {
	w := newWorld(1, 3)
	w.Workloads[0].Weight = 5
	if d := w.decide(t); d.Loads["w0"] != 0 || len(d.Loads) != 1 {
		t.Errorf("%+v", d.Loads)
	}
	if d := w.decide(t); d.Loads["w0"] != 7 {
		t.Errorf("%+v", d.Loads)
	}
}

// What is past is no time to wake up at.
func TestWake(t *testing.T) {
	w := newWorld(1, 3)
	w.expect()
	w.Now = w.Now.Add(patience - time.Second)
	w.expect()
	if d := w.quiet(t); d.Wake != time.Second {
		t.Errorf("%s", d.Wake)
	}
	w.Now = w.Now.Add(time.Second)
	if d := w.quiet(t); d.Wake != patience-time.Second {
		t.Errorf("%s", d.Wake)
	}
}

// There is nothing to decide about a part that says nothing while nobody is there to be told something, though there is a place for it.
func TestBlank(t *testing.T) {
	for _, deleted := range []bool{false, true} {
		w := newWorld(1, 1)
		w.settle(t)
		if w.Deleted = deleted; deleted {
			w.settle(t)
		}
		w.Workers[w.expect()].Incarnation = "place"
		for i := range w.Workers {
			if w.Record.Part(w.Workers[i].Name) == nil {
				w.Record.Parts = append(w.Record.Parts, handover.Part{Worker: w.Workers[i].Name})
			}
		}
		if d := Decide(w.Situation); d.Changed {
			t.Errorf("deleted: %t: %+v", deleted, d.Step)
		}
	}
}

// A part that the head announces and that is as it was, since whoever decided stopped before it was written, is written before it is let
// go of, even if it says nothing and its worker is not there: otherwise that write could still come, and grant what others have by then.
func TestBlankButAnnounced(t *testing.T) {
	for _, deleted := range []bool{false, true} {
		w := newWorld(1, 1)
		w.settle(t)
		w.Deleted = deleted
		w.Record.Parts = append(w.Record.Parts, handover.Part{Worker: "zz"})
		w.Record.Revision++
		w.Record.Writing = []string{"zz"}
		d := Decide(w.Situation)
		if p := d.Record.Part("zz"); !slices.Equal(d.Record.Writing, []string{"zz"}) || p == nil || p.Version != w.Record.Revision+1 {
			t.Errorf("deleted: %t: %+v", deleted, d.Step)
		}
	}
}

// The schema gives a new Swarm a condition before anybody has looked at it, and that has no time.
func TestConditionsHaveATime(t *testing.T) {
	w := newWorld(0, 1)
	w.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionConverged, Status: metav1.ConditionFalse, Reason: "New", LastTransitionTime: metav1.Unix(0, 0)}}
	for _, c := range w.decide(t).Status.Conditions {
		if !c.LastTransitionTime.Time.Equal(w.Now) {
			t.Errorf("%s since %s", c.Type, c.LastTransitionTime)
		}
	}
}
