package pools

import (
	"context"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"teamtask.dev/api/v1alpha1"
)

// SetupWithManager has the manager run the reconciler. Of pools and pods only the metadata is kept in memory: that they have changed is
// enough to look at them.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, o controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("pools").
		For(&v1alpha1.Swarm{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Assignment{}, handler.EnqueueRequestsFromMapFunc(ofAssignment), builder.WithPredicates(changed(assignmentMatters))).
		WatchesMetadata(&appsv1.StatefulSet{}, handler.EnqueueRequestsFromMapFunc(r.ofPool("StatefulSet"))).
		WatchesMetadata(&appsv1.Deployment{}, handler.EnqueueRequestsFromMapFunc(r.ofPool("Deployment"))).
		WatchesMetadata(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(r.ofPod), builder.WithPredicates(changed(podMatters))).
		WithOptions(o).
		Complete(r)
}

// changed lets through changes that matter, and whatever comes or goes.
func changed(matters func(old, o client.Object) bool) predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool { return matters(e.ObjectOld, e.ObjectNew) }}
}

// assignmentMatters tells whether there is something to decide when an Assignment has changed: a lease that was renewed is none of it.
func assignmentMatters(old, o client.Object) bool {
	a, b := old.(*v1alpha1.Assignment), o.(*v1alpha1.Assignment)
	return a.Generation != b.Generation || a.DeletionTimestamp.IsZero() != b.DeletionTimestamp.IsZero() ||
		a.Status.Version != b.Status.Version || a.Status.Incarnation != b.Status.Incarnation
}

// podMatters tells whether there is something to decide when a pod has changed.
func podMatters(old, o client.Object) bool {
	return old.GetUID() != o.GetUID() || old.GetDeletionTimestamp().IsZero() != o.GetDeletionTimestamp().IsZero() ||
		!maps.Equal(old.GetLabels(), o.GetLabels()) || old.GetAnnotations()[corev1.PodDeletionCost] != o.GetAnnotations()[corev1.PodDeletionCost]
}

func ofAssignment(_ context.Context, o client.Object) []reconcile.Request {
	a := o.(*v1alpha1.Assignment)
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: a.Namespace, Name: a.Spec.Swarm}}}
}

// ofPool are the Swarms whose pool something is.
func (r *Reconciler) ofPool(kind string) handler.MapFunc {
	return func(ctx context.Context, pool client.Object) []reconcile.Request {
		return r.those(ctx, pool.GetNamespace(), func(p v1alpha1.PoolReference) bool { return p.Kind == kind && p.Name == pool.GetName() })
	}
}

// ofPod are the Swarms whose pool a pod was made for.
func (r *Reconciler) ofPod(ctx context.Context, pod client.Object) []reconcile.Request {
	return r.those(ctx, pod.GetNamespace(), func(p v1alpha1.PoolReference) bool { return p.Made(pod) })
}

// those are the Swarms of a namespace that have such a pool.
func (r *Reconciler) those(ctx context.Context, namespace string, such func(v1alpha1.PoolReference) bool) (out []reconcile.Request) {
	var swarms v1alpha1.SwarmList
	if err := r.Client.List(ctx, &swarms, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "the Swarms of a namespace cannot be read; their pools are looked at when their turn comes", "namespace", namespace)
	}
	for i := range swarms.Items {
		if s := &swarms.Items[i]; s.Spec.Pool != nil && such(*s.Spec.Pool) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(s)})
		}
	}
	return out
}
