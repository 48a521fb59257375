package swarms

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// Who a worker is, and whether it is there, stands in its Assignment.
func TestWorker(t *testing.T) {
	made, left, now := time.Unix(1e9, 0), time.Unix(1e9+100, 0), time.Unix(1e9+200, 0)
	const slot = "uid"
	for _, c := range []struct {
		name    string
		refresh v1alpha1.RefreshPolicy
		part    string // the incarnation that the part is for
		status  v1alpha1.AssignmentStatus
		gone    bool // since left
		left    bool // just now, and nobody has written that down
		pool    bool
		deleted bool

		incarnation string
		since       time.Time
		draining    bool
	}{
		{name: "expected", refresh: v1alpha1.RefreshWatch, since: made},
		{name: "an agent", refresh: v1alpha1.RefreshWatch, status: v1alpha1.AssignmentStatus{Incarnation: "i"}, incarnation: "i"},
		{name: "an agent that is gone", refresh: v1alpha1.RefreshWatch, part: "i", gone: true, since: left},
		{name: "an agent that left, and is waited for by nobody", refresh: v1alpha1.RefreshWatch, part: "i", left: true, since: made},
		{name: "an agent of a pool that left", refresh: v1alpha1.RefreshWatch, part: "i", left: true, pool: true, since: now},
		{name: "about to go", refresh: v1alpha1.RefreshWatch, status: v1alpha1.AssignmentStatus{Incarnation: "i"}, deleted: true, incarnation: "i", draining: true},
		{name: "a slot nobody has looked at", refresh: v1alpha1.RefreshRestart, incarnation: slot, since: made},
		{name: "a slot with a pod", refresh: v1alpha1.RefreshRestart, part: slot, status: v1alpha1.AssignmentStatus{Incarnation: slot, Pod: "p"}, incarnation: slot},
		{name: "a slot whose pod is gone", refresh: v1alpha1.RefreshReload, part: slot, status: v1alpha1.AssignmentStatus{Incarnation: slot}, gone: true, incarnation: slot, since: left},
		{name: "an agent under the name of a slot", refresh: v1alpha1.RefreshReload, part: slot, status: v1alpha1.AssignmentStatus{Incarnation: "i"}, incarnation: slot},
		{name: "an agent before the slot", refresh: v1alpha1.RefreshReload, part: "i", status: v1alpha1.AssignmentStatus{Incarnation: "i"}, incarnation: "i"},
		{name: "a slot after an agent", refresh: v1alpha1.RefreshReload, part: "i", gone: true, incarnation: slot, since: left},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := v1alpha1.Assignment{ObjectMeta: metav1.ObjectMeta{UID: slot, CreationTimestamp: metav1.NewTime(made)},
				Spec: v1alpha1.AssignmentSpec{Worker: "w", Incarnation: c.part}, Status: c.status}
			if c.gone {
				a.Status.SetPhase(v1alpha1.AssignmentGone, "it is gone", metav1.NewTime(left))
			}
			if c.deleted {
				a.DeletionTimestamp = new(metav1.NewTime(left))
			}
			if c.left {
				a.Status.SetPhase(v1alpha1.AssignmentCurrent, "it runs what is wanted", metav1.NewTime(left))
			}
			spec := v1alpha1.SwarmSpec{Refresh: c.refresh}
			if c.pool {
				spec.Pool = &v1alpha1.PoolReference{Kind: "StatefulSet", Name: "pool"}
			}
			if w := worker(&a, &spec, now); w.Incarnation != c.incarnation || !w.Since.Equal(c.since) || w.Draining != c.draining {
				t.Errorf("%+v", w)
			}
		})
	}
}

// A lease that is renewed, and what the controller wrote itself, are nothing to decide on.
func TestAssignmentMatters(t *testing.T) {
	now := metav1.NowMicro()
	for _, c := range []struct {
		name   string
		change func(*v1alpha1.Assignment)
		want   bool
	}{
		{"a lease", func(a *v1alpha1.Assignment) { a.Status.RenewTime = &now }, false},
		{"its own write", func(a *v1alpha1.Assignment) { a.Generation++; a.Spec.Version++ }, false},
		{"somebody else's", func(a *v1alpha1.Assignment) { a.Generation++; a.Spec.Workloads = nil }, true},
		{"an acknowledgement", func(a *v1alpha1.Assignment) { a.Status.Version++ }, true},
		{"another incarnation", func(a *v1alpha1.Assignment) { a.Status.Incarnation = "j" }, true},
		{"it drains", func(a *v1alpha1.Assignment) { a.Generation++; a.Spec.Draining = true; a.Spec.Version++ }, true},
		{"its worker is about to go", func(a *v1alpha1.Assignment) { a.Status.Draining = true }, true},
		{"it is deleted", func(a *v1alpha1.Assignment) { a.DeletionTimestamp = new(metav1.Now()) }, true},
		{"labels", func(a *v1alpha1.Assignment) { a.Spec.Labels = map[string]string{"l": "v"} }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := &v1alpha1.Assignment{Spec: v1alpha1.AssignmentSpec{Version: 3}, Status: v1alpha1.AssignmentStatus{Incarnation: "i", Version: 2}}
			changed := old.DeepCopy()
			c.change(changed)
			if got := assignmentMatters(old, changed); got != c.want {
				t.Errorf("%v", got)
			}
		})
	}
}
