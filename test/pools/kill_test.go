package pools

import (
	"testing"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// The controllers are killed after their n-th write, for every n that the life of a small pool takes; others go on. Never do two pods
// run one workload, and the end is the same.
func TestKilledAfterEveryWrite(t *testing.T) {
	t.Parallel()
	chaos.EachWrite(t, func(t *testing.T, n int64) bool { return life(t, chaos.NewFuse(n, false, writes)) })
}

// life is that of a small pool whose programs are restarted: it is scaled up, its workloads change, it is scaled down, and its Swarm is
// deleted. It tells whether the fuse has blown meanwhile.
func life(t *testing.T, f *chaos.Fuse) bool {
	s := newSite(t)
	s.set(1, 0)
	s.create("StatefulSet", v1alpha1.RefreshRestart, v1alpha1.SwarmSpec{Replicas: new(int32(2)), Workloads: v1alpha1.WorkloadSources{Names: []string{"a", "b"}}})
	s.manage(f)
	s.converged(2, "a", "b")
	s.change(func(spec *v1alpha1.SwarmSpec) {
		spec.Workloads.Names, spec.Replicas = []string{"b", "c"}, new(int32(1))
	})
	s.converged(1, "b", "c")
	s.delete(&v1alpha1.Swarm{}, "s")
	s.gone()
	return f.HasBlown()
}
