package pools

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// Pods are killed, the pool is scaled and workloads come and go, all at random, and two managers both believe that they lead: never do two
// pods run one workload, and in the end all of them run.
func TestHistory(t *testing.T) {
	for _, refresh := range []v1alpha1.RefreshPolicy{v1alpha1.RefreshRestart, v1alpha1.RefreshWatch} {
		t.Run(string(refresh), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			rng := chaos.Random(t)
			s.set(2, 0)
			s.create("StatefulSet", refresh, v1alpha1.SwarmSpec{Replicas: new(int32(2)), Workloads: v1alpha1.WorkloadSources{Names: some(rng)}})
			s.manage(nil)
			s.manage(nil)
			for range 12 {
				switch rng.IntN(3) {
				case 0:
					s.change(func(spec *v1alpha1.SwarmSpec) { spec.Replicas = new(rng.Int32N(4)) })
				case 1:
					s.change(func(spec *v1alpha1.SwarmSpec) { spec.Workloads.Names = some(rng) })
				case 2:
					s.delete(&corev1.Pod{}, fmt.Sprint("w-", rng.IntN(3)))
				}
				if err := chaos.Pause(t.Context(), time.Duration(rng.Int64N(int64(time.Second)))); err != nil {
					t.Fatal(err)
				}
			}
			names := []string{"a", "c", "d", "f"}
			s.change(func(spec *v1alpha1.SwarmSpec) { spec.Replicas, spec.Workloads.Names = new(int32(2)), names })
			s.converged(2, names...)
			s.delete(&v1alpha1.Swarm{}, "s")
			s.gone()
		})
	}
}

// some are some workloads.
func some(rng *rand.Rand) (names []string) {
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		if rng.IntN(2) == 0 {
			names = append(names, name)
		}
	}
	return names
}
