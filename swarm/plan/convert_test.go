package plan

import (
	"reflect"
	"testing"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm/handover"
)

// A part comes back from its Assignment as it went in.
func TestPartInAnAssignment(t *testing.T) {
	p := handover.Part{Worker: "a", Incarnation: "uid", Version: 7, Acknowledged: 5,
		Grants:  []handover.Grant{{Workload: "x", Epoch: 3}, {Workload: "y", Epoch: 7}},
		Revoked: []handover.Revocation{{Grant: handover.Grant{Workload: "z", Epoch: 2}, Version: 7}}}
	a := v1alpha1.Assignment{Spec: v1alpha1.AssignmentSpec{Swarm: "s", Worker: "a", Labels: map[string]string{"l": "v"}, Draining: true}}
	Write(&p, &a.Spec)
	a.Status = v1alpha1.AssignmentStatus{Incarnation: "uid", Version: 5}
	if got := Part(&a); !reflect.DeepEqual(got, p) {
		t.Errorf("%+v, want %+v", got, p)
	}
	if a.Spec.Count != 2 || a.Spec.Swarm != "s" || a.Spec.Labels["l"] != "v" || !a.Spec.Draining {
		t.Errorf("the rest of the spec: %+v", a.Spec)
	}
	for _, c := range []struct {
		name   string
		change func()
		want   uint64
	}{
		{"by another incarnation", func() { a.Status.Incarnation = "uid-2" }, 0},
		{"by nobody", func() { a.Status.Incarnation = "" }, 0},
		{"by nobody, for nobody", func() { a.Spec.Incarnation = "" }, 0},
		{"ahead", func() { a.Spec.Incarnation, a.Status.Incarnation, a.Status.Version = "uid", "uid", 9 }, 7},
		{"out of order", func() { a.Spec.Workloads[0], a.Spec.Workloads[1] = a.Spec.Workloads[1], a.Spec.Workloads[0] }, 7},
	} {
		t.Run("acknowledged "+c.name, func(t *testing.T) {
			c.change()
			if got := Part(&a); got.Acknowledged != c.want || got.Grants[0].Workload != "x" {
				t.Errorf("%+v, want %d acknowledged", got, c.want)
			}
		})
	}
}
