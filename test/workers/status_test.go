package workers

import (
	"encoding/json"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// Two controllers write a list's status. Neither loses what the other wrote, nor does it keep the other from writing.
func TestStatusIsShared(t *testing.T) {
	s := newSite(t)
	s.create(primes)
	r := s.reconciler(nil)
	reconcile := func() {
		t.Helper()
		_, err := r.Reconcile(t.Context(), request(s.ns, "primes"))
		s.must(err)
	}
	// theirs is all of the status that the other controller writes.
	theirs := func(status v1alpha1.WorklistStatus) string {
		t.Helper()
		status.Replicas, status.Selector = 0, ""
		var kept []metav1.Condition
		for _, c := range status.Conditions {
			if c.Type != v1alpha1.ConditionWorkers {
				kept = append(kept, c)
			}
		}
		status.Conditions = kept
		b, err := json.Marshal(status)
		s.must(err)
		return string(b)
	}

	list := s.list("primes")
	list.Status.Next, list.Status.Done, list.Status.Size = 500, 400, 1000
	list.Status.DoneRanges = []v1alpha1.Range{{Index: 0, Size: 400}}
	list.Status.Handouts = []v1alpha1.Handout{{Range: v1alpha1.Range{Index: 400, Size: 100}, Block: "b", UID: "u", Turn: 1, Worker: "w", Attempt: 1}}
	s.must(s.client.Status().Update(t.Context(), list))
	reconcile()
	if got, want := theirs(s.list("primes").Status), theirs(list.Status); got != want {
		t.Errorf("the pods' part of the status has changed the rest to\n%s\nfrom\n%s", got, want)
	}
	ours := s.condition("primes")
	if ours.Reason != "Starting" || s.list("primes").Status.Selector == "" {
		t.Fatalf("the pods' part: %+v", ours)
	}

	t.Log("The other controller writes it all, as it has read it.")
	list = s.list("primes")
	list.Status.Next, list.Status.Done = 600, 500
	s.must(s.client.Status().Update(t.Context(), list))
	if got := s.condition("primes"); got != ours {
		t.Errorf("the pods' part was %+v, is %+v", ours, got)
	}

	t.Log("What is ours can still go.")
	s.change("primes", func(spec *v1alpha1.WorklistSpec) { spec.Workers = nil })
	reconcile()
	after := s.list("primes").Status
	if c := s.condition("primes"); c.Type != "" || after.Replicas != 0 || after.Selector != "" {
		t.Errorf("left: %+v, %d, %q", c, after.Replicas, after.Selector)
	}
	if after.Next != 600 || after.Phase() != v1alpha1.PhaseActive {
		t.Errorf("gone: next %d, phase %s", after.Next, after.Phase())
	}
}
