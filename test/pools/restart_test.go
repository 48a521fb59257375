package pools

import (
	"fmt"
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
)

// Programs that know nothing of Teamtask are restarted to read their part: those whose part has changed, once, and no others.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.set(3, 0)
	s.create("StatefulSet", v1alpha1.RefreshRestart, v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: []string{"a", "b", "c"}}})
	s.manage(nil)
	s.converged(3, "a", "b", "c")

	t.Log("One more workload is one pod's, which is restarted.")
	before := s.uids()
	s.change(func(spec *v1alpha1.SwarmSpec) { spec.Workloads.Names = []string{"a", "b", "c", "d"} })
	s.converged(3, "a", "b", "c", "d")
	if after := s.uids(); others(before, after) != 1 {
		t.Errorf("pods were %v, and are %v", before, after)
	}

	t.Log("A pod that is deleted comes back, and has its workloads again.")
	before = s.uids()
	parts := s.parts()
	s.delete(&corev1.Pod{}, "w-1")
	s.eventually("there is another", func() error {
		if uid := s.uids()["w-1"]; uid == "" || uid == before["w-1"] {
			return fmt.Errorf("the pod is %s", uid)
		}
		return nil
	})
	s.converged(3, "a", "b", "c", "d")
	if after := s.uids(); others(before, after) != 1 {
		t.Errorf("pods were %v, and are %v", before, after)
	}
	if after := s.parts(); !maps.Equal(parts, after) {
		t.Errorf("parts were %v, and are %v", parts, after)
	}
}

// others counts the pods that are not the same as before.
func others(before, after map[string]types.UID) (n int) {
	for name, uid := range before {
		if after[name] != uid {
			n++
		}
	}
	return n
}

// parts are the workloads of each worker.
func (s *site) parts() map[string]string {
	s.t.Helper()
	parts := map[string]string{}
	for _, a := range s.assignments() {
		parts[a.Spec.Worker] = fmt.Sprint(a.Spec.Workloads)
	}
	return parts
}
