package assignments

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"teamtask.dev/api/v1alpha1"
)

// atLeast is how many Assignments are looked at side by side: most of a look is waiting, at worst for a pod that does not answer.
const atLeast = 16

// SetupWithManager has the manager run the reconciler. Of pods and ConfigMaps only the metadata is kept in memory: what is decided is
// decided by what the API server says.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, o controller.Options) error {
	o.MaxConcurrentReconciles = max(o.MaxConcurrentReconciles, atLeast)
	return ctrl.NewControllerManagedBy(mgr).
		Named("assignments").
		For(&v1alpha1.Assignment{}).
		Watches(&v1alpha1.Swarm{}, handler.EnqueueRequestsFromMapFunc(r.ofSwarm), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesMetadata(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.ofConfigMap), builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})).
		WatchesMetadata(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(r.ofPod), builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})).
		WithOptions(o).
		Complete(r)
}

// ofSwarm are the Assignments of a Swarm.
func (r *Reconciler) ofSwarm(ctx context.Context, swarm client.Object) []reconcile.Request {
	return r.of(ctx, swarm.GetNamespace(), map[string]bool{swarm.GetName(): true})
}

// ofConfigMap are the Assignments that are published in a ConfigMap.
func (r *Reconciler) ofConfigMap(ctx context.Context, m client.Object) []reconcile.Request {
	names := map[string]bool{}
	for _, s := range r.swarms(ctx, m.GetNamespace()) {
		if s.Spec.ConfigMap == m.GetName() {
			names[s.Name] = true
		}
	}
	return r.of(ctx, m.GetNamespace(), names)
}

// ofPod are the Assignments that are for a worker of the pod's name, if there are any.
func (r *Reconciler) ofPod(ctx context.Context, pod client.Object) (requests []reconcile.Request) {
	for _, s := range r.swarms(ctx, pod.GetNamespace()) {
		if s.Spec.Pool != nil {
			requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: s.Namespace, Name: s.Name + "." + pod.GetName()}})
		}
	}
	return requests
}

// swarms are those of a namespace. They are not to be changed.
func (r *Reconciler) swarms(ctx context.Context, namespace string) []v1alpha1.Swarm {
	var all v1alpha1.SwarmList
	if err := r.Client.List(ctx, &all, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "the Swarms of a namespace cannot be read; their Assignments are looked at when all are listed again", "namespace", namespace)
	}
	return all.Items
}

// of are the Assignments of Swarms.
func (r *Reconciler) of(ctx context.Context, namespace string, swarms map[string]bool) (requests []reconcile.Request) {
	if len(swarms) == 0 {
		return nil
	}
	var all v1alpha1.AssignmentList
	if err := r.Client.List(ctx, &all, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "the Assignments of a namespace cannot be read; they are looked at when all are listed again", "namespace", namespace)
	}
	for i := range all.Items {
		if a := &all.Items[i]; swarms[a.Spec.Swarm] {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(a)})
		}
	}
	return requests
}
