package swarms

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/member"
)

// Door is where workers join a Swarm: a member.Door.
type Door struct {
	Client    ctrl.WithWatch // such as kube.NewClient makes
	Namespace string
	Swarm     string

	known sync.Once
	pod   types.UID // this process's; "": it is in none

	mu   sync.Mutex
	been bool              // inside: a right that is missing now may come back
	last map[string]string // by worker, the incarnation under which this process tried to join last
}

// Join makes the worker known: in the Assignment that the Swarm has for it or, where the Swarm has no pool, in one that it makes.
func (d *Door) Join(ctx context.Context, w member.Worker) (member.Session, error) {
	s, err := d.join(ctx, w)
	if err != nil {
		return nil, d.hopeless(err)
	}
	d.mu.Lock()
	d.been = true
	d.mu.Unlock()
	return s, nil
}

func (d *Door) join(ctx context.Context, w member.Worker) (*session, error) {
	swarm := &v1alpha1.Swarm{}
	if err := d.Client.Get(ctx, d.key(d.Swarm), swarm); err != nil {
		return nil, d.explain("get swarms", d.Swarm, err)
	}
	if r := swarm.Spec.Refresh; r != "" && r != v1alpha1.RefreshWatch {
		return nil, fmt.Errorf("%w Swarm %s: its spec.refresh is %s, so that its workers are told by ConfigMap %s; only with Watch do they join by themselves",
			member.ErrRefused, d.Swarm, r, swarm.Spec.ConfigMap)
	}
	a, err := d.assignment(ctx, swarm, w)
	if err != nil {
		return nil, err
	}
	incarnation := rand.Text()
	if pod := d.whoAmI(ctx); pod != "" {
		incarnation = string(pod) + "." + incarnation
	}
	if in := a.Status.Incarnation; in != "" && !d.former(w.Name, in) {
		return nil, fmt.Errorf("another worker %s is there, or was until a moment ago: it is held to be gone when it was not heard of for its lease, which is %s (last heard of at %s)",
			w.Name, swarm.Spec.Handover.LeaseOrDefault(), heard(a))
	}
	d.remember(w.Name, incarnation)
	base := a.DeepCopy()
	a.Status.Lease = &metav1.Duration{Duration: swarm.Spec.Handover.LeaseOrDefault()}
	a.Status.Incarnation, a.Status.Version, a.Status.Draining, a.Status.Trouble = incarnation, 0, false, ""
	a.Status.RenewTime = &metav1.MicroTime{Time: time.Now()}
	if err := d.Client.Status().Patch(ctx, a, ctrl.MergeFromWithOptions(base, ctrl.MergeFromWithOptimisticLock{})); err != nil {
		return nil, d.explain("patch assignments/status", a.Name, err)
	}
	return &session{door: d, name: a.Name, incarnation: incarnation, lease: swarm.Spec.Handover.LeaseOrDefault(), seen: a}, nil
}

// assignment is that of the worker. It is made where the Swarm has no pool.
func (d *Door) assignment(ctx context.Context, swarm *v1alpha1.Swarm, w member.Worker) (*v1alpha1.Assignment, error) {
	name := d.Swarm + "." + w.Name
	a := &v1alpha1.Assignment{}
	err := d.Client.Get(ctx, d.key(name), a)
	pool := swarm.Spec.Pool
	switch {
	case err == nil && a.DeletionTimestamp != nil:
		return nil, fmt.Errorf("the Assignment %s of an earlier worker %s is being deleted: it goes when that has let go of everything", name, w.Name)
	case err == nil && pool == nil && !maps.Equal(a.Spec.Labels, w.Labels):
		return nil, fmt.Errorf("%w Swarm %s with these labels: Assignment %s was made with others (%s); delete it, and it is made anew, or join under another name",
			member.ErrRefused, d.Swarm, name, labels(a.Spec.Labels))
	case err == nil:
		return a, nil
	case !apierrors.IsNotFound(err):
		return nil, d.explain("get assignments", name, err)
	case pool != nil:
		return nil, fmt.Errorf("the Swarm %s has no Assignment %s yet: its workers are the pods of %s %s, named as they are; if %s is one of them it will have one soon",
			d.Swarm, name, pool.Kind, pool.Name, w.Name)
	}
	a = &v1alpha1.Assignment{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: name, Finalizers: []string{v1alpha1.AssignmentFinalizer},
			// It does not block the Swarm's deletion: that would take a right to the Swarm's finalizers.
			OwnerReferences: []metav1.OwnerReference{{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.SwarmKind, Name: swarm.Name, UID: swarm.UID, Controller: new(true)}}},
		Spec: v1alpha1.AssignmentSpec{Swarm: d.Swarm, Worker: w.Name, Labels: w.Labels},
	}
	if err := d.Client.Create(ctx, a); err != nil {
		return nil, d.explain("create assignments", name, err)
	}
	return a, nil
}

func (d *Door) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: d.Namespace, Name: name}
}

// former tells whether an incarnation is an earlier one of this process, or of a former process in this pod: it is dead, as a worker
// stops everything before it joins.
func (d *Door) former(worker, incarnation string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last[worker] == incarnation || d.pod != "" && strings.HasPrefix(incarnation, string(d.pod)+".")
}

// remember notes under which incarnation a worker is about to join: the answer may be lost.
func (d *Door) remember(worker, incarnation string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.last == nil {
		d.last = map[string]string{}
	}
	d.last[worker] = incarnation
}

func heard(a *v1alpha1.Assignment) string {
	if a.Status.RenewTime == nil {
		return "an unknown time"
	}
	return a.Status.RenewTime.UTC().Format(time.RFC3339)
}

func labels(l map[string]string) string {
	if len(l) == 0 {
		return "none"
	}
	return metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: l})
}
