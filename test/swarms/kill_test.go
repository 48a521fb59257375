package swarms

import (
	"fmt"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// A manager is killed after its n-th write, the answer delivered or lost, for every n that a small swarm's life takes; another one goes
// on. The end is the same: everything is owned once, and a Swarm that is deleted goes.
func TestKilledAfterEveryWrite(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprintf("lost=%t", lost), func(t *testing.T) {
			t.Parallel()
			chaos.EachWrite(t, func(t *testing.T, n int64) bool { return life(t, chaos.NewFuse(n, lost, writes)) })
		})
	}
}

// life is that of a small swarm: workers join, one is killed, one comes back, workloads come and go, one worker leaves for good; in
// the end it is deleted. It tells whether the fuse has blown meanwhile.
func life(t *testing.T, f *chaos.Fuse) bool {
	s := newSite(t)
	s.manageKilled(f)

	s.create("streams", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: names(7)}, ConfigMap: "parts"})
	a := s.startWith(&worker{swarm: "streams", name: "a", slow: 20 * time.Millisecond})
	b := s.startWith(&worker{swarm: "streams", name: "b", slow: 20 * time.Millisecond})
	s.converged("streams", names(7), 2)
	c := s.start("streams", "c")
	s.converged("streams", names(7), 3)
	b.kill()
	s.converged("streams", names(7), 2)
	s.start("streams", "b")
	s.change("streams", func(spec *v1alpha1.SwarmSpec) { spec.Workloads.Names = names(9)[1:] })
	s.converged("streams", names(9)[1:], 3)
	s.delete(&v1alpha1.Assignment{}, "streams.c") // its worker is there: it has to let go first
	s.converged("streams", names(9)[1:], 2)
	s.until("the Assignment is gone", func() bool { return s.assignments["streams.c"] == nil })
	c.die()
	a.kill()
	s.delete(&v1alpha1.Swarm{}, "streams")
	s.until("the Swarm is gone", func() bool { return s.swarms["streams"] == nil })
	if left := s.owners.owned(); len(left) > 0 {
		t.Errorf("the Swarm is gone, and %v run still", left)
	}
	return f.HasBlown()
}

// delete deletes an object, as a person would.
func (s *site) delete(o client.Object, name string) {
	s.t.Helper()
	o.SetNamespace(s.ns)
	o.SetName(name)
	if err := client.IgnoreNotFound(s.client.Delete(s.t.Context(), o)); err != nil {
		s.t.Error(err)
	}
}
