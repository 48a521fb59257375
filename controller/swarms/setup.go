package swarms

import (
	"context"
	"maps"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
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

// gather is how long the controller waits for more to happen before it decides: what comes together is handed over with one write of
// the Swarm's status.
const gather = 25 * time.Millisecond

// SetupWithManager has the manager run the reconciler. Of ConfigMaps and pools only the metadata is kept in memory: that they have
// changed is enough to look at them.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, o controller.Options) error {
	comesOrGoes := builder.WithPredicates(predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }})
	return ctrl.NewControllerManagedBy(mgr).
		Named("swarms").
		For(&v1alpha1.Swarm{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, seenAgain))).
		Watches(&v1alpha1.Assignment{}, gathered(assignmentMatters, func(o client.Object) string { return o.(*v1alpha1.Assignment).Spec.Swarm })).
		Watches(&v1alpha1.Workload{}, gathered(generationMatters, func(o client.Object) string { return o.(*v1alpha1.Workload).Spec.Swarm })).
		WatchesMetadata(&corev1.ConfigMap{}, handler.EnqueueRequestsFromMapFunc(r.readers), builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})).
		WatchesMetadata(&appsv1.StatefulSet{}, handler.EnqueueRequestsFromMapFunc(r.ofPool("StatefulSet")), comesOrGoes).
		WatchesMetadata(&appsv1.Deployment{}, handler.EnqueueRequestsFromMapFunc(r.ofPool("Deployment")), comesOrGoes).
		WithOptions(o).
		Complete(r)
}

// seenAgain lets through what the cache shows once more now and then although nothing was seen to happen.
var seenAgain = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion()
}}

// gathered has the Swarm that an object names looked at soon after something happened to it that matters.
func gathered(matters func(old, new client.Object) bool, swarm func(client.Object) string) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	enqueue := func(o client.Object, q queue) {
		q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: swarm(o)}}, gather)
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, q queue) { enqueue(e.Object, q) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, q queue) { enqueue(e.Object, q) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, q queue) {
			if matters(e.ObjectOld, e.ObjectNew) {
				enqueue(e.ObjectNew, q)
			}
		},
	}
}

func generationMatters(old, o client.Object) bool { return old.GetGeneration() != o.GetGeneration() }

// assignmentMatters tells whether a Swarm has something to decide when an Assignment has changed: that its worker has renewed its lease
// is nothing to it, nor what the Swarm's controller wrote itself.
func assignmentMatters(old, o client.Object) bool {
	a, b := old.(*v1alpha1.Assignment), o.(*v1alpha1.Assignment)
	there, since := a.There()
	now, sinceNow := b.There()
	return a.UID != b.UID || a.DeletionTimestamp.IsZero() != b.DeletionTimestamp.IsZero() ||
		a.Status.Version != b.Status.Version || a.Status.Incarnation != b.Status.Incarnation || there != now || idle(a) != idle(b) || !since.Equal(sinceNow) ||
		a.Spec.Draining != b.Spec.Draining || a.Status.Draining != b.Status.Draining || !maps.Equal(a.Spec.Labels, b.Spec.Labels) ||
		a.Spec.Version == b.Spec.Version && a.Generation != b.Generation // somebody else
}

// readers are the Swarms that a ConfigMap matters to: those that have their workloads from it, or publish in it.
func (r *Reconciler) readers(ctx context.Context, m client.Object) []reconcile.Request {
	return r.those(ctx, m.GetNamespace(), func(s *v1alpha1.SwarmSpec) bool {
		if s.ConfigMap == m.GetName() {
			return true
		}
		selector, err := metav1.LabelSelectorAsSelector(s.Workloads.ConfigMaps) // nil selects nothing
		return err == nil && selector.Matches(labels.Set(m.GetLabels()))
	})
}

// ofPool are the Swarms whose pool something is.
func (r *Reconciler) ofPool(kind string) handler.MapFunc {
	return func(ctx context.Context, pool client.Object) []reconcile.Request {
		return r.those(ctx, pool.GetNamespace(), func(s *v1alpha1.SwarmSpec) bool {
			return s.Pool != nil && s.Pool.Kind == kind && s.Pool.Name == pool.GetName()
		})
	}
}

// those are the Swarms of a namespace that are wanted.
func (r *Reconciler) those(ctx context.Context, namespace string, wanted func(*v1alpha1.SwarmSpec) bool) (out []reconcile.Request) {
	var swarms v1alpha1.SwarmList
	if err := r.Client.List(ctx, &swarms, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "the Swarms of a namespace cannot be read; they are looked at when their turn comes", "namespace", namespace)
	}
	for i := range swarms.Items {
		if s := &swarms.Items[i]; wanted(&s.Spec) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(s)})
		}
	}
	return out
}
