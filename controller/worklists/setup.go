package worklists

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"teamtask.dev/api/v1alpha1"
)

// gather is how long the controller waits for more to happen before it decides: what comes together is merged and handed out
// with one write of the list's status.
const gather = 25 * time.Millisecond

// SetupWithManager has the manager run the reconciler.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, o controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&v1alpha1.Worklist{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, seenAgain))).
		Watches(&v1alpha1.Worklist{}, handler.EnqueueRequestsFromMapFunc(r.waitFor), builder.WithPredicates(predicate.Funcs{
			UpdateFunc: func(e event.UpdateEvent) bool { return phaseOf(e.ObjectOld) != phaseOf(e.ObjectNew) },
		})).
		Watches(&v1alpha1.Block{}, blockEvents{}).
		WatchesRawSource(source.Channel(r.Lists, handler.TypedFuncs[types.NamespacedName, reconcile.Request]{
			GenericFunc: func(_ context.Context, e event.TypedGenericEvent[types.NamespacedName], q queue) {
				q.Add(reconcile.Request{NamespacedName: e.Object})
			},
		})).
		WithOptions(o).
		Complete(r)
}

// seenAgain lets through what the cache shows once more now and then although nothing was seen to happen.
var seenAgain = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return e.ObjectOld.GetResourceVersion() == e.ObjectNew.GetResourceVersion()
}}

func phaseOf(o client.Object) v1alpha1.Phase { return o.(*v1alpha1.Worklist).Status.Phase() }

// waitFor are the lists that come after one.
func (r *Reconciler) waitFor(ctx context.Context, first client.Object) (out []reconcile.Request) {
	var lists v1alpha1.WorklistList
	if r.Client.List(ctx, &lists, client.InNamespace(first.GetNamespace()), client.UnsafeDisableDeepCopy) != nil {
		return nil // from the cache: it does not fail
	}
	for i := range lists.Items {
		if slices.Contains(lists.Items[i].Spec.After, first.GetName()) {
			out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&lists.Items[i])})
		}
	}
	return out
}

// blockEvents has a list looked at soon after something happened to its Blocks that it decides on; that a worker has renewed
// its lease is nothing to it.
type blockEvents struct{}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func (blockEvents) Create(_ context.Context, e event.CreateEvent, q queue)   { enqueue(q, e.Object) }
func (blockEvents) Delete(_ context.Context, e event.DeleteEvent, q queue)   { enqueue(q, e.Object) }
func (blockEvents) Generic(_ context.Context, e event.GenericEvent, q queue) { enqueue(q, e.Object) }

func (blockEvents) Update(_ context.Context, e event.UpdateEvent, q queue) {
	if matters(e.ObjectOld.(*v1alpha1.Block), e.ObjectNew.(*v1alpha1.Block)) {
		enqueue(q, e.ObjectNew)
	}
}

// matters tells whether a list has something to decide when a Block has changed.
func matters(old, b *v1alpha1.Block) bool {
	return old.Status.Finished() != b.Status.Finished() && b.Status.Finished() != "" ||
		old.DeletionTimestamp.IsZero() != b.DeletionTimestamp.IsZero() ||
		len(old.Status.Found) != len(b.Status.Found)
}

func enqueue(q queue, o client.Object) {
	b := o.(*v1alpha1.Block)
	q.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: b.Namespace, Name: b.Spec.Worklist}}, gather)
}
