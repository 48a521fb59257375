package swarms

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// Workers come and go; what moves is the fewest, and never runs twice.
func TestScaling(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("streams", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: names(26)}})
	s.start("streams", "w0")
	s.start("streams", "w1")
	s.converged("streams", names(26), 2)
	before := s.owners.started()
	last := s.start("streams", "w2")
	s.converged("streams", names(26), 3)
	if n := s.owners.started() - before; n != 8 {
		t.Errorf("%d workloads have moved to a third worker, and 8 are the fewest", n)
	}
	before = s.owners.started()
	last.kill()
	s.converged("streams", names(26), 2)
	if n := s.owners.started() - before; n != 8 && n != 9 {
		t.Errorf("%d workloads have moved from a worker that had 8 or 9", n)
	}
}

// A worker that is about to go keeps what it has until it is taken away, is waited for no longer than that, and is forgotten.
func TestLeaving(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("streams", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: names(5)}, Handover: v1alpha1.HandoverPolicy{Patience: &metav1.Duration{Duration: time.Hour}}})
	s.start("streams", "w0")
	leaves := s.start("streams", "w1")
	s.converged("streams", names(5), 2)
	if err := leaves.update(t.Context(), func(a *v1alpha1.Assignment) bool {
		a.Status.Draining = true
		return true
	}); err != nil {
		t.Fatal(err)
	}
	s.until("the other one has everything", func() bool { return len(held(s.assignments["streams.w0"])) == 5 })
	leaves.kill()
	s.until("the Assignment is gone", func() bool { return s.assignments["streams.w1"] == nil })
	s.converged("streams", names(5), 1)
}

// A Swarm that is deleted goes once its workers have let go of everything, and so do its Assignments.
func TestDeletion(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("streams", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: names(5)}})
	s.start("streams", "w0")
	silent := s.start("streams", "w1")
	s.converged("streams", names(5), 2)
	silent.stop()
	silent.ended.Wait() // it still runs what it had, as far as anybody knows
	swarm := &v1alpha1.Swarm{}
	swarm.Namespace, swarm.Name = s.ns, "streams"
	if err := s.client.Delete(t.Context(), swarm); err != nil {
		t.Fatal(err)
	}
	s.until("the worker that answers has let go", func() bool {
		a := s.assignments["streams.w0"]
		return a == nil || len(held(a)) == 0
	})
	s.until("the Swarm waits for the other one", func() bool {
		return s.swarms["streams"] != nil && s.swarms["streams"].Status.Phase() == v1alpha1.SwarmMoving
	})
	if got := s.owners.owned(); len(got) == 0 || slices.Contains(s.heldBy("streams.w0"), got[0]) {
		t.Fatalf("%v", got)
	}
	s.owners.stopAll(silent.incarnation)
	silent.bury()
	s.until("the Swarm is gone", func() bool { return s.swarms["streams"] == nil })
	// The garbage collector deletes the Assignments, and no finalizer keeps them.
	for _, name := range []string{"streams.w0", "streams.w1"} {
		a := &v1alpha1.Assignment{}
		a.Namespace, a.Name = s.ns, name
		if err := client.IgnoreNotFound(s.client.Delete(t.Context(), a)); err != nil {
			t.Fatal(err)
		}
	}
	s.until("the Assignments are gone", func() bool { return len(s.assignments) == 0 })
}

func (s *site) heldBy(assignment string) (names []string) {
	s.Lock()
	defer s.Unlock()
	if a := s.assignments[assignment]; a != nil {
		names = held(a)
	}
	return names
}
