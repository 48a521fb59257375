package assignments

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
)

var now = metav1.NewTime(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))

// say tells a plan in words: what is done, and where the worker then stands.
func say(p Plan) string {
	var out []string
	if p.Ask {
		out = append(out, "ask")
	}
	if p.Touch != "" {
		out = append(out, "touch "+p.Touch)
	}
	if p.Restart != "" {
		out = append(out, "restart")
	}
	if p.Gone != "" {
		out = append(out, "gone")
	}
	if p.Write {
		out = append(out, "write")
	}
	s := p.Status
	out = append(out, s.Phase(), fmt.Sprintf("runs %d", s.Version))
	if s.Pod != "" || s.Published != 0 {
		out = append(out, fmt.Sprintf("pod %s reads %d of %d", s.Pod, s.Reads, s.Published))
	}
	return strings.Join(out, ", ")
}

// part gives an Assignment its workloads.
func part(a *v1alpha1.Assignment, version int64, names ...string) {
	a.Spec.Version, a.Spec.Count, a.Spec.Workloads = version, int64(len(names)), nil
	for _, n := range names {
		a.Spec.Workloads = append(a.Spec.Workloads, v1alpha1.Grant{Name: n, Epoch: version})
	}
}

// A worker that acknowledges by itself.
func TestLease(t *testing.T) {
	// It runs version 5, is wanted to run that, and was seen in pod P.
	usual := func() Situation {
		a := &v1alpha1.Assignment{ObjectMeta: metav1.ObjectMeta{Name: "s.w", UID: "slot"}, Spec: v1alpha1.AssignmentSpec{Swarm: "s", Worker: "w", Incarnation: "i"}}
		part(a, 5, "a")
		a.Status = v1alpha1.AssignmentStatus{Incarnation: "i", Version: 5}
		a.Status.SetPhase(v1alpha1.AssignmentCurrent, "its worker runs what is wanted", now)
		return Situation{Now: metav1.NewTime(now.Add(time.Hour)), Assignment: a, Swarm: &v1alpha1.SwarmSpec{Pool: &v1alpha1.PoolReference{Kind: "StatefulSet", Name: "w"}},
			Pod: &Pod{UID: "P", Own: true}, Home: "P"}
	}
	behind := func(d time.Duration) func(*Situation) {
		return func(s *Situation) { s.Assignment.Status.Version, s.Behind = 4, d }
	}
	for _, c := range []struct {
		what   string
		change func(*Situation)
		want   string
		again  time.Duration
	}{
		{"it runs what is wanted", func(*Situation) {}, "Current, runs 5", 10 * time.Second},
		{"nobody has come yet", func(s *Situation) {
			s.Assignment.Status = v1alpha1.AssignmentStatus{}
			s.Assignment.Status.SetPhase(v1alpha1.AssignmentPending, "", now)
		}, "Pending, runs 0", 0},
		{"it has just come", func(s *Situation) { s.Assignment.Status.Incarnation = "j" }, "write, Pending, runs 5", 10 * time.Second},
		{"it has left by itself", func(s *Situation) { s.Assignment.Status.Incarnation = "" }, "write, Gone, runs 5", 0},
		{"it is told something new", behind(0), "Current, runs 4", brief},
		{"and takes its time", behind(brief), "write, Behind, runs 4", 10 * time.Second},
		{"and takes too long", func(s *Situation) {
			behind(v1alpha1.DefaultHandoverTimeout)(s)
			s.Assignment.Status.SetPhase(v1alpha1.AssignmentBehind, "its worker has not acknowledged its latest part yet", now)
		}, "restart, Behind, runs 4", 10 * time.Second},
		{"which its status is to say first", behind(v1alpha1.DefaultHandoverTimeout), "write, Behind, runs 4", 10 * time.Second},
		{"for the second time", func(s *Situation) {
			behind(v1alpha1.DefaultHandoverTimeout)(s)
			s.Restarts = 1
			s.Assignment.Status.SetPhase(v1alpha1.AssignmentBehind, "its worker has not acknowledged its latest part yet", now)
		}, "Behind, runs 4", 10 * time.Second},
		{"and says why it cannot", func(s *Situation) {
			behind(0)(s)
			s.Assignment.Status.Trouble = "exit status 3"
		}, "write, Failing, runs 4", 10 * time.Second},
		{"and could not, but can now", func(s *Situation) {
			s.Assignment.Status.SetPhase(v1alpha1.AssignmentFailing, "its worker could not apply version 5 of its part, and tries again: exit status 3", now)
		}, "write, Current, runs 5", 10 * time.Second},
		{"and its pod is being deleted", func(s *Situation) {
			behind(time.Hour)(s)
			s.Pod.Leaving = true
		}, "write, Behind, runs 4", 10 * time.Second},
		{"and its pod is somebody else's", func(s *Situation) {
			behind(time.Hour)(s)
			s.Pod.Own = false
			s.Assignment.Status.SetPhase(v1alpha1.AssignmentBehind, "its worker has not acknowledged its latest part yet", now)
		}, "Behind, runs 4", 10 * time.Second},
		{"and has no pod", func(s *Situation) {
			behind(time.Hour)(s)
			s.Swarm.Pool, s.Pod, s.Home = nil, nil, ""
			s.Assignment.Status.SetPhase(v1alpha1.AssignmentBehind, "its worker has not acknowledged its latest part yet", now)
		}, "Behind, runs 4", 10 * time.Second},
		{"what is wanted is for another incarnation", func(s *Situation) {
			behind(time.Hour)(s)
			s.Assignment.Spec.Incarnation = "h"
		}, "write, Pending, runs 4", 10 * time.Second},
		{"it is about to go", func(s *Situation) { s.Assignment.Spec.Draining = true }, "write, Draining, runs 5", 10 * time.Second},

		{"it is silent for a while", func(s *Situation) { s.Silent = 10 * time.Second }, "write, Silent, runs 5", 6500 * time.Millisecond},
		{"it is silent for its lease", func(s *Situation) { s.Silent = v1alpha1.DefaultHandoverLease }, "write, Silent, runs 5", 1500 * time.Millisecond},
		{"and a tenth", func(s *Situation) { s.Silent = v1alpha1.DefaultHandoverLease + v1alpha1.DefaultHandoverLease/10 }, "gone, write, Gone, runs 5", 0},
		{"and a tenth, but it goes by a longer one, as the Swarm's has just been shortened", func(s *Situation) {
			s.Assignment.Status.Lease = &metav1.Duration{Duration: 2 * v1alpha1.DefaultHandoverLease}
			s.Silent = v1alpha1.DefaultHandoverLease + v1alpha1.DefaultHandoverLease/10
		}, "Current, runs 5", 3500 * time.Millisecond},
		{"its lease is longer", func(s *Situation) {
			s.Swarm.Handover.Lease = &metav1.Duration{Duration: time.Minute}
			s.Silent = v1alpha1.DefaultHandoverLease + v1alpha1.DefaultHandoverLease/10
		}, "Current, runs 5", 23500 * time.Millisecond},
		{"its pod is gone", func(s *Situation) { s.Pod = nil }, "gone, write, Gone, runs 5", 0},
		{"there is another pod", func(s *Situation) { s.Pod.UID = "Q" }, "gone, write, Gone, runs 5", 0},
		{"its pod is gone, which was never seen", func(s *Situation) { s.Pod, s.Home = nil, "" }, "Current, runs 5", 10 * time.Second},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := usual()
			c.change(&s)
			plan := Decide(s)
			if got := say(plan); got != c.want || plan.Again != c.again {
				t.Errorf("%s, again in %s; want\n%s, again in %s", got, plan.Again, c.want, c.again)
			}
			if gone := plan.Gone != ""; gone && plan.Status.Incarnation != "" {
				t.Errorf("gone, and still incarnation %s", plan.Status.Incarnation)
			}
		})
	}
}

// A worker that knows nothing of Teamtask.
func TestSlot(t *testing.T) {
	// Pod P has read version 5 of its entry, which has what is wanted.
	usual := func() Situation {
		a := &v1alpha1.Assignment{ObjectMeta: metav1.ObjectMeta{Name: "s.w", UID: "slot"}, Spec: v1alpha1.AssignmentSpec{Swarm: "s", Worker: "w", Incarnation: "slot"}}
		part(a, 5, "a")
		a.Status = v1alpha1.AssignmentStatus{Incarnation: "slot", Version: 5, Pod: "P", Published: 5, Reads: 5}
		a.Status.SetPhase(v1alpha1.AssignmentCurrent, "its worker runs what is wanted", now)
		return Situation{Now: metav1.NewTime(now.Add(time.Hour)), Assignment: a, Pod: &Pod{UID: "P", Own: true, Address: "10.0.0.1", Touched: "5"},
			Published: &v1alpha1.Published{Version: 9, Workloads: map[string]*v1alpha1.PublishedPart{"w": {Jobs: []string{"a"}, Version: 5}}},
			Swarm: &v1alpha1.SwarmSpec{Refresh: v1alpha1.RefreshRestart, ConfigMap: "parts", Pool: &v1alpha1.PoolReference{Kind: "StatefulSet", Name: "w"},
				VersionFrom: &v1alpha1.VersionSource{Port: 80}}}
	}
	type change = func(*Situation)
	first := func(s *Situation) {
		s.Assignment.Status = v1alpha1.AssignmentStatus{}
		s.Assignment.Status.SetPhase(v1alpha1.AssignmentPending, "", now)
	}
	wanted := func(version int64, names ...string) change {
		return func(s *Situation) {
			for _, g := range s.Assignment.Spec.Workloads {
				s.Assignment.Spec.Revoked = append(s.Assignment.Spec.Revoked, v1alpha1.Revocation{Name: g.Name, Epoch: g.Epoch, Version: version})
			}
			part(s.Assignment, version, names...)
		}
	}
	entry := func(version int64, jobs ...string) change {
		return func(s *Situation) { s.Published.Workloads["w"] = &v1alpha1.PublishedPart{Jobs: jobs, Version: version} }
	}
	noted := func(version int64) change { return func(s *Situation) { s.Assignment.Status.Published = version } }
	pod := func(uid string) change {
		return func(s *Situation) { s.Pod = &Pod{UID: types.UID(uid), Own: true, Address: "10.0.0.1"} }
	}
	behind := func(s *Situation) {
		s.Assignment.Status.SetPhase(v1alpha1.AssignmentBehind, Decide(*s).Status.Conditions[0].Message, now)
	}
	waited := func(d time.Duration) change { return func(s *Situation) { s.Behind = d } }
	reload := func(s *Situation) { s.Swarm.Refresh = v1alpha1.RefreshReload }
	says := func(version int64) change { return func(s *Situation) { s.Answer = &Answer{Version: version} } }
	mute := func(s *Situation) { s.Answer = &Answer{Trouble: "no answer"} }
	noPod := func(s *Situation) { s.Pod = nil }
	unpublished := func(s *Situation) { delete(s.Published.Workloads, "w") }
	idle := func(s *Situation) { s.Pod.Idle = "no such image" }
	noMap := func(s *Situation) { s.Published = nil }
	for _, c := range []struct {
		what    string
		changes []change
		want    string
		again   time.Duration
	}{
		{"it runs what is wanted", nil, "Current, runs 5, pod P reads 5 of 5", 0},
		{"it is about to go", []change{func(s *Situation) { s.Assignment.Spec.Draining = true }}, "write, Draining, runs 5, pod P reads 5 of 5", 0},
		{"it is being deleted", []change{func(s *Situation) { s.Assignment.DeletionTimestamp = &now }}, "write, Draining, runs 5, pod P reads 5 of 5", 0},
		{"its pod does not run", []change{idle}, "write, Idle, runs 5, pod P reads 5 of 5", 0},
		{"nor does the next one", []change{pod("Q"), idle}, "write, Idle, runs 5, pod Q reads 5 of 5", 0},
		{"something else is published while its pod does not run", []change{idle, wanted(7, "b"), entry(7, "b"), noted(7), behind}, "restart, Behind, runs 5, pod P reads 5 of 7", 0},

		{"made just now, and its pod is not there", []change{first, noPod, unpublished, wanted(0)}, "write, Pending, runs 0", 0},
		{"its pod is, and may have read anything", []change{first}, "write, Behind, runs 0, pod P reads 0 of 5", 0},
		{"it has nothing to run or to let go of", []change{first, unpublished, func(s *Situation) { part(s.Assignment, 1) }}, "write, Current, runs 1, pod P reads 0 of 0", 0},
		{"the same, published", []change{first, entry(1), func(s *Situation) { part(s.Assignment, 1) }}, "write, Current, runs 1, pod P reads 0 of 1", 0},

		{"something else is wanted, and not published", []change{wanted(7, "b")}, "write, Behind, runs 5, pod P reads 5 of 5", 0},
		{"it is published", []change{wanted(7, "b"), entry(7, "b")}, "write, Behind, runs 5, pod P reads 5 of 7", 0},
		{"and its status says so", []change{wanted(7, "b"), entry(7, "b"), noted(7), behind}, "restart, Behind, runs 5, pod P reads 5 of 7", 0},
		{"and its pod is not the pool's", []change{wanted(7, "b"), entry(7, "b"), noted(7), func(s *Situation) { s.Pod.Own = false }, behind}, "Behind, runs 5, pod P reads 5 of 7", 0},
		{"and its pod is being deleted", []change{wanted(7, "b"), entry(7, "b"), noted(7), func(s *Situation) { s.Pod.Leaving = true }, behind}, "Behind, runs 5, pod P reads 5 of 7", 0},
		{"and its pod is gone", []change{wanted(7, "b"), entry(7, "b"), noted(7), behind, noPod}, "write, Gone, runs 7, pod  reads 0 of 7", 0},
		{"and there is another", []change{wanted(7, "b"), entry(7, "b"), noted(7), behind, pod("Q")}, "write, Current, runs 7, pod Q reads 7 of 7", 0},
		{"which came before that was known", []change{wanted(7, "b"), entry(7, "b"), pod("Q")}, "write, Behind, runs 5, pod Q reads 5 of 7", 0},
		{"its pod is gone before it is published", []change{wanted(7, "b"), noPod}, "write, Gone, runs 5, pod  reads 0 of 5", 0},
		{"its pod is gone, and stays so", []change{noPod, func(s *Situation) {
			s.Assignment.Status.Pod, s.Assignment.Status.Reads = "", 0
			s.Assignment.Status.SetPhase(v1alpha1.AssignmentGone, "its pod is gone; the next one reads its part when it starts", now)
		}}, "Gone, runs 5, pod  reads 0 of 5", 0},
		{"all is taken away", []change{wanted(7), entry(7), noted(7), behind}, "restart, Behind, runs 5, pod P reads 5 of 7", 0},
		{"all is taken away, and the entry too", []change{wanted(7), unpublished}, "write, Behind, runs 5, pod P reads 5 of 5", 0},
		{"the same, and its pod is gone", []change{wanted(7), unpublished, noPod}, "write, Gone, runs 5, pod  reads 0 of 5", 0},
		{"the ConfigMap is gone", []change{noMap, wanted(7, "b")}, "write, Behind, runs 5, pod P reads 5 of 5", 0},
		{"the ConfigMap is older than the part, and looks the same", []change{wanted(10, "a")}, "write, Behind, runs 5, pod P reads 5 of 5", 0},
		{"the part is newer, and the same", []change{wanted(8, "a")}, "write, Current, runs 8, pod P reads 5 of 5", 0},
		{"the entry is older than it was", []change{entry(3, "a")}, "write, Current, runs 5, pod P reads 0 of 3", 0},
		{"somebody else's agent has joined", []change{func(s *Situation) { s.Assignment.Status.Incarnation = "i" }, wanted(7, "b")}, "write, Pending, runs 5, pod P reads 5 of 5", 10 * time.Second},

		{"and is gone, whatever it said", []change{func(s *Situation) { s.Assignment.Status.Incarnation, s.Assignment.Status.Version = "", 7 }, wanted(7), unpublished},
			"write, Behind, runs 0, pod P reads 5 of 5", 0},

		{"told to read anew", []change{reload, wanted(7, "b"), entry(7, "b")}, "ask, touch 7, write, Behind, runs 5, pod P reads 5 of 7", ask},
		{"it has not", []change{reload, wanted(7, "b"), entry(7, "b"), noted(7), says(5), behind}, "touch 7, Behind, runs 5, pod P reads 5 of 7", ask},
		{"it has", []change{reload, wanted(7, "b"), entry(7, "b"), noted(7), says(7)}, "write, Current, runs 7, pod P reads 7 of 7", 0},
		{"it has, and says the version of the whole", []change{reload, wanted(7, "b"), entry(7, "b"), noted(7), says(9)}, "write, Current, runs 7, pod P reads 7 of 7", 0},
		{"it says what was never published", []change{reload, wanted(7, "b"), entry(7, "b"), noted(7), says(10), behind}, "touch 7, Behind, runs 5, pod P reads 5 of 7", ask},
		{"it does not answer", []change{reload, wanted(7, "b"), entry(7, "b"), noted(7), mute, behind}, "touch 7, Behind, runs 5, pod P reads 5 of 7", ask},
		{"for some time", []change{reload, wanted(7, "b"), entry(7, "b"), noted(7), mute, behind, waited(16 * time.Second)}, "touch 7 again, Behind, runs 5, pod P reads 5 of 7", ask},
		{"for too long", []change{reload, wanted(7, "b"), entry(7, "b"), noted(7), mute, behind, waited(v1alpha1.DefaultHandoverTimeout)}, "restart, Behind, runs 5, pod P reads 5 of 7", 0},
		{"for too long, and the entry is new", []change{reload, wanted(7, "b"), entry(7, "b"), mute, waited(time.Hour)}, "write, Behind, runs 5, pod P reads 5 of 7", 0},
		{"it has no address", []change{reload, wanted(7, "b"), entry(7, "b"), noted(7), func(s *Situation) { s.Pod.Address = "" }, behind}, "touch 7, Behind, runs 5, pod P reads 5 of 7", ask},
		{"another pod has come", []change{reload, wanted(7, "b"), entry(7, "b"), noted(7), pod("Q")}, "write, Current, runs 7, pod Q reads 7 of 7", 0},
		{"it is being deleted, and not asked", []change{reload, wanted(7, "b"), entry(7, "b"), noted(7), func(s *Situation) { s.Pod.Leaving = true }, behind}, "Behind, runs 5, pod P reads 5 of 7", 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			s := usual()
			for _, change := range c.changes {
				change(&s)
			}
			plan := Decide(s)
			if got := say(plan); got != c.want || plan.Again != c.again {
				t.Errorf("%s, again in %s; want\n%s, again in %s", got, plan.Again, c.want, c.again)
			}
		})
	}
}
