package pools

import (
	"context"
	"fmt"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// look is what there is, read from the API server itself.
type look struct {
	Situation
	pool client.Object
	pods map[string]types.UID
}

// look reads the Assignments, then the pool, then its pods: so a worker that has an Assignment and is not seen afterwards is gone. It
// returns nil if there is no pool.
func (r *Reconciler) look(ctx context.Context, swarm *v1alpha1.Swarm) (*look, error) {
	l := &look{Situation: Situation{Swarm: swarm}, pods: map[string]types.UID{}}
	var assignments v1alpha1.AssignmentList
	if err := r.Live.List(ctx, &assignments, client.InNamespace(swarm.Namespace), client.MatchingFields{"spec.swarm": swarm.Name}); err != nil {
		return nil, fmt.Errorf("read assignments: %w", err)
	}
	l.Assignments = assignments.Items
	selector, err := r.lookAtPool(ctx, l)
	if selector == nil || err != nil {
		return nil, err
	}
	return l, r.lookAtPods(ctx, l, selector)
}

// lookAtPool reads the StatefulSet or Deployment; the selector is that of its pods, and nil if it is not there, or about to go.
func (r *Reconciler) lookAtPool(ctx context.Context, l *look) (*metav1.LabelSelector, error) {
	ref := l.Swarm.Spec.Pool
	var set appsv1.StatefulSet
	var deployment appsv1.Deployment
	l.pool = &set
	if ref.Kind == "Deployment" {
		l.pool = &deployment
	}
	err := r.Live.Get(ctx, types.NamespacedName{Namespace: l.Swarm.Namespace, Name: ref.Name}, l.pool)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read %s %s: %w", ref.Kind, ref.Name, err)
	case !l.pool.GetDeletionTimestamp().IsZero():
		return nil, nil
	case ref.Kind == "Deployment":
		l.Pool = ofDeployment(&deployment)
		return deployment.Spec.Selector, nil
	default:
		l.Pool = ofSet(&set)
		return set.Spec.Selector, nil
	}
}

func ofSet(set *appsv1.StatefulSet) Pool {
	p := Pool{Replicas: 1, Labels: set.Spec.Template.Labels, Settled: true}
	if r := set.Spec.Replicas; r != nil {
		p.Replicas = int(*r)
	}
	if o := set.Spec.Ordinals; o != nil {
		p.First = int(o.Start)
	}
	return p
}

func ofDeployment(d *appsv1.Deployment) Pool {
	p := Pool{Replicas: 1, Labels: d.Spec.Template.Labels,
		Settled: d.Status.ObservedGeneration >= d.Generation && d.Status.UpdatedReplicas == d.Status.Replicas}
	if r := d.Spec.Replicas; r != nil {
		p.Replicas = int(*r)
	}
	return p
}

// lookAtPods reads the pods that were made for the pool. Of those of a StatefulSet the metadata is enough: it replaces by itself
// those that have ended.
func (r *Reconciler) lookAtPods(ctx context.Context, l *look, of *metav1.LabelSelector) error {
	selector, err := metav1.LabelSelectorAsSelector(of)
	if err != nil {
		return fmt.Errorf("the selector of its pods: %w", err)
	}
	ref := l.Swarm.Spec.Pool
	where := []client.ListOption{client.InNamespace(l.Swarm.Namespace), client.MatchingLabelsSelector{Selector: selector}}
	add := func(pod metav1.Object, rank int) {
		if !ref.Made(pod) {
			return
		}
		l.pods[pod.GetName()] = pod.GetUID()
		l.Pods = append(l.Pods, Pod{Name: pod.GetName(), Labels: maps.Clone(pod.GetLabels()), Created: pod.GetCreationTimestamp().Time,
			Leaving: pod.GetDeletionTimestamp() != nil, Rank: rank, Cost: pod.GetAnnotations()[corev1.PodDeletionCost]})
	}
	if ref.Kind == "StatefulSet" {
		var pods metav1.PartialObjectMetadataList
		pods.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PodList"))
		if err := r.Live.List(ctx, &pods, where...); err != nil {
			return fmt.Errorf("read pods: %w", err)
		}
		for i := range pods.Items {
			add(&pods.Items[i], 0)
		}
		return nil
	}
	var pods corev1.PodList
	if err := r.Live.List(ctx, &pods, where...); err != nil {
		return fmt.Errorf("read pods: %w", err)
	}
	for i := range pods.Items {
		if p := &pods.Items[i]; p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
			add(p, rank(p))
		}
	}
	return nil
}

// rank is what the controller of ReplicaSets goes by before it goes by the cost of deleting a pod
// (k8s.io/kubernetes/pkg/controller, ActivePodsWithRanks).
func rank(pod *corev1.Pod) int {
	switch {
	case pod.Spec.NodeName == "":
		return 0
	case pod.Status.Phase == corev1.PodPending:
		return 1
	case pod.Status.Phase != corev1.PodRunning:
		return 2
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return 4
		}
	}
	return 3
}
