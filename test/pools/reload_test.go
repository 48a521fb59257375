package pools

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/cluster"
)

// Programs that read their part anew are asked whether they have, and none is restarted. The one that does not is, and it alone.
func TestReload(t *testing.T) {
	t.Parallel()
	ports, err := cluster.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	s.node.deafen("w-1")
	s.set(2, 0)
	s.create("StatefulSet", v1alpha1.RefreshReload, v1alpha1.SwarmSpec{VersionFrom: &v1alpha1.VersionSource{Port: int32(ports[0])}, Capacity: 2,
		Workloads: v1alpha1.WorkloadSources{List: []v1alpha1.WorkloadItem{only("a", "w-0"), only("b", "w-1")}}})
	s.manage(nil)
	s.eventually("there are pods", func() error {
		if n := len(s.pods()); n != 2 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	before := s.uids()
	s.eventually("one has read its part", func() error {
		if got := s.owners.owned(); len(got) == 0 || got[0] != "a" {
			return fmt.Errorf("%v run", got)
		}
		return nil
	})
	s.eventually("the other is known to be behind", func() error {
		for _, a := range s.assignments() {
			if a.Spec.Worker == "w-1" && a.Spec.Count == 1 && a.Status.Phase() == v1alpha1.AssignmentBehind {
				return nil
			}
		}
		return fmt.Errorf("it is not")
	})
	s.change(func(spec *v1alpha1.SwarmSpec) { spec.Handover.Timeout = &metav1.Duration{Duration: time.Second} })
	s.converged(2, "a", "b")
	after := s.uids()
	if after["w-0"] != before["w-0"] {
		t.Error("w-0 was restarted, which has read its part")
	}
	if after["w-1"] == before["w-1"] {
		t.Error("w-1 was not restarted, which has not")
	}

	t.Log("Now both do.")
	s.change(func(spec *v1alpha1.SwarmSpec) {
		spec.Handover.Timeout = &metav1.Duration{Duration: 24 * time.Hour}
		spec.Workloads.List = append(spec.Workloads.List, only("c", "w-0"), only("d", "w-1"))
	})
	s.converged(2, "a", "b", "c", "d")
	if n := others(after, s.uids()); n != 0 {
		t.Errorf("%d pods were restarted", n)
	}
}

// only is a workload that only the pod of that name may run.
func only(name, pod string) v1alpha1.WorkloadItem {
	return v1alpha1.WorkloadItem{Name: name, WorkloadNeeds: v1alpha1.WorkloadNeeds{Requires: map[string]string{"statefulset.kubernetes.io/pod-name": pod}}}
}
