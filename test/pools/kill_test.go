package pools

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"teamtask.dev/api/v1alpha1"
)

// most is more writes than the life of a small pool takes: the tests of one that are not to be run end there.
const most = 500

// The controllers are killed after their n-th write, for every n that the life of a small pool takes; others go on. Never do two pods
// run one workload, and the end is the same.
func TestKilledAfterEveryWrite(t *testing.T) {
	t.Parallel()
	var enough atomic.Bool
	var n, runs atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for at := n.Add(1); at <= most && !enough.Load() && !t.Failed(); at = n.Add(1) {
				t.Run(fmt.Sprintf("n=%d", at), func(t *testing.T) {
					if !life(t, newFuse(at)) {
						enough.Store(true)
					}
					runs.Add(1)
				})
			}
		})
	}
	all.Wait()
	t.Logf("killed after each of %d writes", runs.Load())
}

// life is that of a small pool whose programs are restarted: it is scaled up, its workloads change, it is scaled down, and its Swarm is
// deleted. It tells whether the fuse has blown meanwhile.
func life(t *testing.T, f *fuse) bool {
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
	return f.written.Load() >= f.n
}
