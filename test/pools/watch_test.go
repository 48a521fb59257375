package pools

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// A worker that does not acknowledge in time is restarted, and it alone.
func TestLateWorker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.node.deafen("w-1")
	s.set(2, 0)
	s.create("StatefulSet", v1alpha1.RefreshWatch, v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{List: []v1alpha1.WorkloadItem{only("a", "w-0"), only("b", "w-1")}}})
	s.manage(nil)
	s.eventually("one is behind", func() error {
		for _, a := range s.assignments() {
			if a.Spec.Worker == "w-1" && a.Spec.Count == 1 && a.Status.Phase() == v1alpha1.AssignmentBehind {
				return nil
			}
		}
		return fmt.Errorf("none is\n%s", s.describe())
	})
	before := s.uids()
	s.change(func(spec *v1alpha1.SwarmSpec) { spec.Handover.Timeout = &metav1.Duration{Duration: 5 * time.Second} })
	s.eventually("it is restarted", func() error {
		if s.uids()["w-1"] == before["w-1"] {
			return fmt.Errorf("it is not")
		}
		return nil
	})
	s.change(func(spec *v1alpha1.SwarmSpec) { spec.Handover.Timeout = &metav1.Duration{Duration: 24 * time.Hour} })
	s.converged(2, "a", "b")
	if s.uids()["w-0"] != before["w-0"] {
		t.Error("w-0 was restarted, which has acknowledged its part")
	}
}

// A worker whose pod is gone is held to be gone at once, whatever its lease: others have what it had, and its Assignment goes.
func TestGone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.deployment(2)
	s.create("Deployment", v1alpha1.RefreshWatch, v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: []string{"a", "b"}}})
	s.manage(nil)
	s.converged(2, "a", "b")
	var name string
	for name = range s.pods() {
	}
	s.delete(&corev1.Pod{}, name)
	s.eventually("its Assignment is gone", func() error {
		for _, a := range s.assignments() {
			if a.Spec.Worker == name {
				return fmt.Errorf("it is there")
			}
		}
		return nil
	})
	s.converged(2, "a", "b")
}

// A worker that is cut off from the API server is held to be gone once its lease has run out. It has stopped by then.
func TestCutOff(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(2, 0)
	s.create("StatefulSet", v1alpha1.RefreshWatch, v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: []string{"a", "b"}},
		Handover: v1alpha1.HandoverPolicy{Patience: &metav1.Duration{}, Lease: &metav1.Duration{Duration: 20 * time.Second}}})
	s.manage(nil)
	s.converged(2, "a", "b")
	cut := s.node.program(s.uids()["w-1"])
	cut.cut.Store(true)
	s.eventually("the other has it all", func() error {
		if on := s.owners.on(); len(s.owners.owned()) != 2 || on[cut.pod] {
			return fmt.Errorf("it has not: %s", s.owners)
		}
		return nil
	})
	cut.cut.Store(false)
	s.converged(2, "a", "b")
	if s.uids()["w-1"] != cut.pod {
		t.Error("its pod was restarted, which could do nothing about it")
	}
}
