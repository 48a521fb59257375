package pools

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// patience is how long a test waits for what has to happen: seconds on a quiet machine, far more on a busy one.
const patience = 4 * time.Minute

// site is a namespace of a test's own, whose pods run.
type site struct {
	t      *testing.T
	ns     string
	client client.WithWatch // an administrator's
	owners *owners
	node   *node
}

var namespaces atomic.Int64

func newSite(t *testing.T) *site {
	t.Helper()
	c, err := client.NewWithWatch(chaos.Connect(t, running), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, ns: fmt.Sprintf("pools-%d", namespaces.Add(1)), client: c, owners: &owners{t: t, of: map[string]types.UID{}}}
	s.make(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.ns}})
	s.node = runNode(s)
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// make makes any object.
func (s *site) make(o client.Object) {
	s.t.Helper()
	if o.GetNamespace() == "" {
		o.SetNamespace(s.ns)
	}
	s.must(s.client.Create(s.t.Context(), o))
}

// template is that of pods which the test's node runs.
func template() corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "w"}, Finalizers: []string{finalizer}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
}

// set makes the StatefulSet w.
func (s *site) set(replicas, first int32) {
	s.t.Helper()
	s.make(&appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "w"}, Spec: appsv1.StatefulSetSpec{Replicas: &replicas, Template: template(),
		Ordinals: &appsv1.StatefulSetOrdinals{Start: first}, PodManagementPolicy: appsv1.ParallelPodManagement, Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "w"}}}})
}

// deployment makes the Deployment w.
func (s *site) deployment(replicas int32) {
	s.t.Helper()
	s.make(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "w"}, Spec: appsv1.DeploymentSpec{Replicas: &replicas, Template: template(),
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "w"}}}})
}

// create makes the Swarm s. Unless it says so leases never run out, and nobody is late.
func (s *site) create(kind string, refresh v1alpha1.RefreshPolicy, spec v1alpha1.SwarmSpec) {
	s.t.Helper()
	spec.Pool = &v1alpha1.PoolReference{Kind: kind, Name: "w"}
	if spec.Refresh = refresh; refresh != v1alpha1.RefreshWatch {
		spec.ConfigMap = "parts"
	}
	long := &metav1.Duration{Duration: 24 * time.Hour}
	if spec.Handover.Lease == nil {
		spec.Handover.Lease = long
	}
	if spec.Handover.Timeout == nil {
		spec.Handover.Timeout = long
	}
	s.node.follow(spec)
	s.make(&v1alpha1.Swarm{ObjectMeta: metav1.ObjectMeta{Name: "s"}, Spec: spec})
}

// change changes the Swarm's spec.
func (s *site) change(change func(*v1alpha1.SwarmSpec)) {
	s.t.Helper()
	swarm := s.swarm()
	before := swarm.DeepCopy()
	change(&swarm.Spec)
	s.must(s.client.Patch(s.t.Context(), swarm, client.MergeFrom(before)))
}

func (s *site) swarm() *v1alpha1.Swarm {
	s.t.Helper()
	var swarm v1alpha1.Swarm
	s.must(s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: "s"}, &swarm))
	return &swarm
}

func (s *site) assignments() []v1alpha1.Assignment {
	s.t.Helper()
	var list v1alpha1.AssignmentList
	s.must(s.client.List(s.t.Context(), &list, client.InNamespace(s.ns)))
	return list.Items
}

// pods are those that are there, by name.
func (s *site) pods() map[string]corev1.Pod {
	s.t.Helper()
	var list corev1.PodList
	s.must(s.client.List(s.t.Context(), &list, client.InNamespace(s.ns)))
	pods := map[string]corev1.Pod{}
	for _, p := range list.Items {
		pods[p.Name] = p
	}
	return pods
}

// uids are the pods' UIDs by name.
func (s *site) uids() map[string]types.UID {
	s.t.Helper()
	uids := map[string]types.UID{}
	for name, p := range s.pods() {
		uids[name] = p.UID
	}
	return uids
}

// delete deletes an object, as a person would.
func (s *site) delete(o client.Object, name string) {
	s.t.Helper()
	o.SetNamespace(s.ns)
	o.SetName(name)
	s.must(client.IgnoreNotFound(s.client.Delete(s.t.Context(), o)))
}

// eventually waits for something to be so; the error says how it is instead.
func (s *site) eventually(what string, so func() error) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for {
		err := so()
		if err == nil || s.t.Failed() {
			return
		}
		if chaos.Pause(ctx, 50*time.Millisecond) != nil {
			s.t.Fatalf("%s: still, after %s: %v\n%s", what, patience, err, s.describe())
		}
	}
}

// converged waits until these workloads, and no others, run on so many pods, which are all there are, and everybody says so.
func (s *site) converged(pods int, workloads ...string) {
	s.t.Helper()
	slices.Sort(workloads)
	s.eventually(fmt.Sprintf("%v run on %d pods", workloads, pods), func() error {
		swarm := s.swarm()
		if phase := swarm.Status.Phase(); phase != v1alpha1.SwarmConverged || swarm.Status.Current != fmt.Sprintf("%d/%d", pods, pods) || int(swarm.Status.Workloads) != len(workloads) {
			return fmt.Errorf("it is %s, %s current, %d workloads", phase, swarm.Status.Current, swarm.Status.Workloads)
		}
		if got := s.owners.owned(); !slices.Equal(got, workloads) {
			return fmt.Errorf("%v run", got)
		}
		if there, on := len(s.pods()), len(s.owners.on()); there != pods || on != min(pods, len(workloads)) {
			return fmt.Errorf("%d pods, %d of which run something", there, on)
		}
		if n := len(s.assignments()); n != pods {
			return fmt.Errorf("%d Assignments", n)
		}
		return nil
	})
}

// gone waits until the Swarm, its Assignments, and all that ran are gone.
func (s *site) gone() {
	s.t.Helper()
	s.eventually("the Swarm is gone", func() error {
		err := s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: "s"}, &v1alpha1.Swarm{})
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %v", err)
		}
		if left := s.assignments(); len(left) > 0 {
			return fmt.Errorf("%d Assignments", len(left))
		}
		return nil
	})
	if left := s.owners.owned(); len(left) > 0 {
		s.t.Errorf("the Swarm is gone, and %v run still", left)
	}
}

// describe says what is there, for a test that fails.
func (s *site) describe() string {
	var out strings.Builder
	var swarms v1alpha1.SwarmList
	s.must(s.client.List(context.Background(), &swarms, client.InNamespace(s.ns)))
	for _, w := range swarms.Items {
		fmt.Fprintf(&out, "Swarm, version %d, %s current, writing %v\n", w.Status.Version, w.Status.Current, w.Status.Writing)
		for _, c := range w.Status.Conditions {
			fmt.Fprintf(&out, "  %s %s, %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
		}
	}
	var assignments v1alpha1.AssignmentList
	s.must(s.client.List(context.Background(), &assignments, client.InNamespace(s.ns)))
	for _, a := range assignments.Items {
		fmt.Fprintf(&out, "Assignment %s for %q: version %d %v, revoked %v; %q runs %d; draining %v, deleted %v; pod %s reads %d of %d\n", a.Name, a.Spec.Incarnation, a.Spec.Version,
			a.Spec.Workloads, a.Spec.Revoked, a.Status.Incarnation, a.Status.Version, a.Spec.Draining, a.DeletionTimestamp, a.Status.Pod, a.Status.Reads, a.Status.Published)
		for _, c := range a.Status.Conditions {
			fmt.Fprintf(&out, "  %s %s, %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
		}
	}
	var pods corev1.PodList
	s.must(s.client.List(context.Background(), &pods, client.InNamespace(s.ns)))
	for _, p := range pods.Items {
		fmt.Fprintf(&out, "pod %s, %s, deleted %v\n", p.Name, p.UID, p.DeletionTimestamp)
	}
	var maps corev1.ConfigMapList
	s.must(s.client.List(context.Background(), &maps, client.InNamespace(s.ns)))
	for _, m := range maps.Items {
		fmt.Fprintf(&out, "ConfigMap %s:\n%s\n", m.Name, m.Data[v1alpha1.PublishedKey])
	}
	return out.String() + s.owners.String()
}
