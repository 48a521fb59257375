package pools

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// A Swarm scales its pool, from the first ordinal that it has: up at once, and down once those who go have given everything away. It
// ends with nothing running.
func TestScale(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.node.treatGently()
	s.set(1, 5)
	s.create("StatefulSet", v1alpha1.RefreshWatch, v1alpha1.SwarmSpec{Replicas: new(int32(3)), Workloads: v1alpha1.WorkloadSources{Names: []string{"a", "b", "c"}}})
	s.manage(nil)
	s.converged(3, "a", "b", "c")
	for _, name := range []string{"w-5", "w-6", "w-7"} {
		if _, there := s.pods()[name]; !there {
			t.Errorf("there is no pod %s", name)
		}
	}
	s.change(func(spec *v1alpha1.SwarmSpec) { spec.Replicas = new(int32(1)) })
	s.converged(1, "a", "b", "c")
	var set appsv1.StatefulSet
	s.must(s.client.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: "w"}, &set))
	if *set.Spec.Replicas != 1 {
		t.Errorf("%d replicas", *set.Spec.Replicas)
	}
	s.delete(&v1alpha1.Swarm{}, "s")
	s.gone()
}

// Of a Deployment those pods go that have the least to give away, once they have, and no others.
func TestScaleDeployment(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.node.treatGently()
	s.deployment(1)
	s.create("Deployment", v1alpha1.RefreshWatch, v1alpha1.SwarmSpec{Replicas: new(int32(3)), Workloads: v1alpha1.WorkloadSources{List: []v1alpha1.WorkloadItem{
		{Name: "a", WorkloadNeeds: v1alpha1.WorkloadNeeds{Weight: 100}}, {Name: "b"}, {Name: "c"}}}})
	s.manage(nil)
	s.converged(3, "a", "b", "c")
	before, heavy := s.uids(), ""
	for _, a := range s.assignments() {
		if a.Spec.Load >= 100 {
			heavy = a.Spec.Worker
		}
	}
	s.change(func(spec *v1alpha1.SwarmSpec) { spec.Replicas = new(int32(1)) })
	s.converged(1, "a", "b", "c")
	if after := s.uids(); after[heavy] != before[heavy] {
		t.Errorf("pods were %v, %s with the heaviest, and are %v", before, heavy, after)
	}
	var d appsv1.Deployment
	s.must(s.client.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: "w"}, &d))
	if *d.Spec.Replicas != 1 {
		t.Errorf("%d replicas", *d.Spec.Replicas)
	}
	s.delete(&v1alpha1.Swarm{}, "s")
	s.gone()
}
