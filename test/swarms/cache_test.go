package swarms

import (
	"context"
	"testing"
	"time"

	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/cluster"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller/swarms"
	"teamtask.dev/test/chaos"
)

// A controller has missed that a worker was granted something. Nothing else tells it: the worker it is to grant that to is as it was, and what
// the Swarm says was written last is the part of a third one. It takes the workloads from their owner first, as it goes by what the
// API server says.
func TestMissedGrant(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	m := s.manage(nil)
	s.create("streams", v1alpha1.SwarmSpec{})
	for _, name := range []string{"a", "b"} {
		s.startWith(&worker{swarm: "streams", name: name, labels: map[string]string{"worker": name}})
	}
	s.until("both know that they have nothing", func() bool {
		for _, name := range []string{"streams.a", "streams.b"} {
			if a := s.assignments[name]; a == nil || a.Spec.Version == 0 || a.Status.Phase() != v1alpha1.AssignmentCurrent {
				return false
			}
		}
		return s.swarms["streams"].Status.Phase() == v1alpha1.SwarmConverged
	})
	old := s.frozen()

	s.change("streams", func(spec *v1alpha1.SwarmSpec) { spec.Workloads = only(names(4), "worker", "a") })
	s.owns("a", names(4))
	s.startWith(&worker{swarm: "streams", name: "c", labels: map[string]string{"worker": "c"}})
	fifth := only(names(5)[4:], "worker", "c").List
	s.change("streams", func(spec *v1alpha1.SwarmSpec) { spec.Workloads.List = append(spec.Workloads.List, fifth...) })
	s.owns("c", names(5)[4:])
	m.Stop()

	s.change("streams", func(spec *v1alpha1.SwarmSpec) {
		spec.Workloads.List = append(only(names(4), "worker", "b").List, fifth...)
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for converged := false; !converged && !t.Failed(); chaos.Pause(ctx, 10*time.Millisecond) {
		if _, err := old.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: s.ns, Name: "streams"}}); err != nil {
			t.Fatalf("%v\n%s", err, s.describe())
		}
		var swarm v1alpha1.Swarm
		if err := s.client.Get(ctx, client.ObjectKey{Namespace: s.ns, Name: "streams"}, &swarm); err != nil {
			t.Fatal(err)
		}
		converged = swarm.Status.Phase() == v1alpha1.SwarmConverged && swarm.Status.Current == "3/3"
	}
	s.owns("b", names(4))
}

// frozen is the controller of Swarms with a cache that stands still from now on.
func (s *site) frozen() *swarms.Reconciler {
	s.t.Helper()
	l := newLens()
	cfg := chaos.Connect(s.t, running)
	cfg.Wrap(chaos.Fault(l.Fault).Wrap)
	c, err := cluster.New(cfg, func(o *cluster.Options) {
		o.Scheme, o.Cache.DefaultNamespaces = scheme, map[string]cache.Config{s.ns: {}}
	})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := c.Start(ctx); err != nil {
			s.t.Errorf("a cache ends: %v", err)
		}
	}()
	s.t.Cleanup(func() { stop(); <-ended })
	for _, o := range []client.Object{&v1alpha1.Assignment{}, &v1alpha1.Workload{}} {
		if _, err := c.GetCache().GetInformer(s.t.Context(), o); err != nil { // once it has read what there is
			s.t.Fatal(err)
		}
	}
	l.Freeze()
	return &swarms.Reconciler{Client: c.GetClient(), Live: c.GetAPIReader(), Events: events.NewFakeRecorder(100)}
}
