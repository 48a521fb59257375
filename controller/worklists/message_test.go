package worklists

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// Where nobody works on a list because its pods do not run, that is what is said of the list.
func TestMessageOfWorkers(t *testing.T) {
	const text = "pod a: no such image"
	for _, c := range []struct {
		name    string
		workers metav1.ConditionStatus
		suspend bool
		want    string
	}{
		{"the pods do not run", metav1.ConditionFalse, false, text},
		{"they run", metav1.ConditionTrue, false, ""},
		{"there are none", "", false, ""},
		{"there is something better to say", metav1.ConditionFalse, true, "suspended"},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := &v1alpha1.Worklist{Spec: v1alpha1.WorklistSpec{Size: 10, Suspend: c.suspend}}
			if c.workers != "" {
				meta.SetStatusCondition(&list.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionWorkers, Status: c.workers, Reason: "Pods", Message: text})
			}
			plan := Decide(Situation{Now: time.Unix(1e9, 0), List: list, Size: 10})
			if got := plan.Status.Reason(); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
