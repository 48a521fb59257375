package swarms

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// patience is how long a test waits for what has to happen: seconds on a quiet machine, far more on a busy one.
const patience = 4 * time.Minute

// site is a namespace of a test's own, and what is seen of it.
type site struct {
	t      *testing.T
	ns     string
	client client.WithWatch
	owners *owners
	*watcher
}

var namespaces atomic.Int64

// newSite makes a namespace, and watches it until the test ends.
func newSite(t *testing.T) *site {
	t.Helper()
	c, err := client.NewWithWatch(chaos.Connect(t, running), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, ns: fmt.Sprintf("swarms-%d", namespaces.Add(1)), client: c, owners: newOwners(t)}
	s.make(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.ns}})
	s.watcher = watch(t, c, s.ns)
	return s
}

// make makes any object.
func (s *site) make(o client.Object) {
	s.t.Helper()
	if err := s.client.Create(s.t.Context(), o); err != nil {
		s.t.Fatal(err)
	}
}

func names(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("cam-%02d", i))
	}
	return out
}

func seconds(s float64) *metav1.Duration {
	return &metav1.Duration{Duration: time.Duration(s * float64(time.Second))}
}

// create makes a Swarm whose leases never run out by themselves, and which has no patience with workers that are gone unless it says so.
func (s *site) create(name string, spec v1alpha1.SwarmSpec) {
	s.t.Helper()
	spec.Handover.Lease = seconds(24 * 3600)
	if spec.Handover.Patience == nil {
		spec.Handover.Patience = seconds(0)
	}
	s.make(&v1alpha1.Swarm{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.ns}, Spec: spec})
}

// change changes a Swarm's spec.
func (s *site) change(name string, change func(*v1alpha1.SwarmSpec)) {
	s.t.Helper()
	swarm := &v1alpha1.Swarm{}
	if err := s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, swarm); err != nil {
		s.t.Fatal(err)
	}
	before := swarm.DeepCopy()
	change(&swarm.Spec)
	if err := s.client.Patch(s.t.Context(), swarm, client.MergeFrom(before)); err != nil {
		s.t.Fatal(err)
	}
}

// until waits until what is seen is as wanted.
func (s *site) until(what string, wanted func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if err := s.Await(ctx, wanted); err != nil {
		s.t.Fatalf("it never came to this: %s (%v)\n%s%s", what, err, s.describe(), s.owners)
	}
}

// condition waits until a condition of a Swarm has a reason, of its present spec, and returns it.
func (s *site) condition(swarm, kind, reason string) (c metav1.Condition) {
	s.t.Helper()
	s.until(fmt.Sprintf("%s is %s", kind, reason), func() bool {
		o := s.swarms[swarm]
		if o == nil {
			return false
		}
		found := meta.FindStatusCondition(o.Status.Conditions, kind)
		if found == nil || found.Reason != reason || found.ObservedGeneration != o.Generation {
			return false
		}
		c = *found
		return true
	})
	return c
}

// converged waits until workloads, and no others, are owned by so many workers, evenly, and everybody has said so.
func (s *site) converged(swarm string, workloads []string, workers int) {
	s.t.Helper()
	s.until(fmt.Sprintf("%d workloads are on %d workers", len(workloads), workers), func() bool {
		o := s.swarms[swarm]
		if o == nil || o.Status.Phase() != v1alpha1.SwarmConverged || o.Status.Current != fmt.Sprintf("%d/%d", workers, workers) || int(o.Status.Workloads) != len(workloads) {
			return false
		}
		var all []string
		for _, a := range s.assignments {
			if a.Spec.Swarm != swarm || len(a.Spec.Workloads) == 0 {
				continue
			}
			if least := len(workloads) / workers; len(a.Spec.Workloads) < least || len(a.Spec.Workloads) > least+1 || int(a.Spec.Count) != len(a.Spec.Workloads) {
				return false
			}
			all = append(all, held(a)...)
		}
		return slices.Equal(slices.Sorted(slices.Values(all)), slices.Sorted(slices.Values(workloads)))
	})
	if got := s.owners.owned(); !slices.Equal(got, slices.Sorted(slices.Values(workloads))) {
		s.t.Fatalf("workers run %v, not %v\n%s", got, workloads, s.describe())
	}
}
