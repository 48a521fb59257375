package assignments

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller/diagnosis"
)

// look is what there is, read from the API server itself.
type look struct {
	Situation
	pod *corev1.Pod // nil: there is none
}

// look reads the Assignment, then the ConfigMap, then the pod: what is decided rests on this order. It returns nil if there is
// nothing to look at.
func (r *Reconciler) look(ctx context.Context, name types.NamespacedName) (*look, error) {
	l := &look{Situation: Situation{Assignment: &v1alpha1.Assignment{}}}
	if found, err := fetch(ctx, r.Live, name, l.Assignment); !found || err != nil {
		return nil, err
	}
	var swarm v1alpha1.Swarm
	if found, err := fetch(ctx, r.Live, types.NamespacedName{Namespace: name.Namespace, Name: l.Assignment.Spec.Swarm}, &swarm); !found || err != nil {
		return nil, err
	}
	l.Swarm = &swarm.Spec
	if !watches(l.Swarm) {
		var err error
		if l.Published, err = r.published.of(ctx, r.Live, types.NamespacedName{Namespace: name.Namespace, Name: l.Swarm.ConfigMap}); err != nil {
			return nil, err
		}
	}
	if err := r.lookAtPod(ctx, l); err != nil {
		return nil, err
	}
	now := time.Now()
	l.remember(r.sightings.note(l.Assignment, now), now)
	if l.pod != nil {
		r.sightings.house(l.Assignment, l.pod.UID)
	}
	return l, nil
}

// lookAtPod reads the pod of the worker's name.
func (r *Reconciler) lookAtPod(ctx context.Context, l *look) error {
	l.pod, l.Pod = nil, nil
	if l.Swarm.Pool == nil {
		return nil
	}
	var pod corev1.Pod
	found, err := fetch(ctx, r.Live, types.NamespacedName{Namespace: l.Assignment.Namespace, Name: l.Assignment.Spec.Worker}, &pod)
	if !found || err != nil {
		return err
	}
	l.pod = &pod
	l.Pod = podOf(&pod, l.Swarm.Pool)
	l.Pod.Address, l.Pod.Idle = pod.Status.PodIP, idle(&pod)
	return nil
}

// ask asks the pod which version it runs, and makes sure that it was this pod which answered: it has its address still. It returns
// nil if it was perhaps another.
func (r *Reconciler) ask(ctx context.Context, l *look) (*Answer, error) {
	was := *l.Pod
	answer := askVersion(ctx, was.Address, *l.Swarm.VersionFrom)
	if err := r.lookAtPod(ctx, l); err != nil {
		return nil, err
	}
	if l.Pod == nil || l.Pod.UID != was.UID || l.Pod.Address != was.Address {
		return nil, nil
	}
	return answer, nil
}

// glance looks at what is kept in memory, and may be a little old: at most renewals of leases there is nothing else to do than to note
// them. If so it says when to look again.
func (r *Reconciler) glance(ctx context.Context, name types.NamespacedName) (again time.Duration, settled bool, err error) {
	s := Situation{Assignment: &v1alpha1.Assignment{}}
	found, err := fetch(ctx, r.Client, name, s.Assignment)
	if err != nil {
		return 0, false, err
	}
	if !found {
		r.sightings.forget(name)
		return 0, true, nil
	}
	now := time.Now()
	s.remember(r.sightings.note(s.Assignment, now), now)
	var swarm v1alpha1.Swarm
	found, err = fetch(ctx, r.Client, types.NamespacedName{Namespace: name.Namespace, Name: s.Assignment.Spec.Swarm}, &swarm)
	if !found || err != nil {
		return 0, !found, err
	}
	s.Swarm = &swarm.Spec
	if !watches(s.Swarm) {
		return 0, false, nil
	}
	if s.Swarm.Pool != nil {
		if s.Home == "" && s.Assignment.Status.Incarnation != "" {
			return 0, false, nil // it is not known yet which pod the worker is in
		}
		pod := metav1.PartialObjectMetadata{}
		pod.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Pod"))
		found, err := fetch(ctx, r.Client, types.NamespacedName{Namespace: name.Namespace, Name: s.Assignment.Spec.Worker}, &pod)
		if err != nil {
			return 0, false, err
		}
		if found {
			s.Pod = podOf(&pod, s.Swarm.Pool)
		}
	}
	plan := Decide(s)
	return plan.Again, !plan.Write && plan.Restart == "", nil
}

// remember takes in what is remembered of the worker.
func (s *Situation) remember(x sighting, now time.Time) {
	s.Now = metav1.NewTime(now)
	s.Home, s.Restarts, s.Silent = x.home, x.restarts, now.Sub(x.heard)
	if x.progress.behind {
		s.Behind = now.Sub(x.since)
	}
}

// idle is why a pod does not run, if it does not.
func idle(pod *corev1.Pod) string {
	look := *pod
	if look.Status.Phase == corev1.PodRunning {
		look.Status.Conditions = nil // it has been scheduled: what matters is its containers
	}
	if found := diagnosis.Of([]corev1.Pod{look}, nil); found.Text != "" {
		return strings.TrimSuffix(found.Text, ".")
	}
	switch pod.Status.Phase {
	case corev1.PodRunning:
		return ""
	case corev1.PodFailed, corev1.PodSucceeded:
		return "it has ended"
	}
	return "it is being started"
}

// podOf is what matters of a pod, as far as its metadata tells.
func podOf(pod metav1.Object, pool *v1alpha1.PoolReference) *Pod {
	return &Pod{UID: pod.GetUID(), Own: pool.Made(pod), Leaving: pod.GetDeletionTimestamp() != nil, Touched: pod.GetAnnotations()[touched]}
}

// fetch reads an object, if it is there.
func fetch(ctx context.Context, from client.Reader, name types.NamespacedName, o client.Object) (found bool, err error) {
	switch err := from.Get(ctx, name, o); {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read %T %s: %w", o, name, err)
	}
	return true, nil
}
