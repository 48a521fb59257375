package blocks

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"teamtask.dev/api/v1alpha1"
)

// defaultTimeout is how long a worker may be silent where its list does not say.
const defaultTimeout = time.Minute

// Reconciler takes back Blocks whose workers have been silent for too long, and those that are deleted.
type Reconciler struct {
	Client     client.Client // writes, and reads what may be a little old
	Live       client.Reader // reads from the API server itself
	Namespaces []string      // whose Blocks are looked at; none: all
	Events     events.EventRecorder

	// Lists is told now and then of which lists there are Blocks, whatever the watch has seen of them.
	Lists chan<- event.TypedGenericEvent[types.NamespacedName]

	sightings sightings
}

// Reconcile looks at one Block.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var b v1alpha1.Block
	if err := r.Client.Get(ctx, req.NamespacedName, &b); err != nil {
		if apierrors.IsNotFound(err) {
			r.sightings.forget(req.NamespacedName)
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("read block %s: %w", req, err)
	}
	again, err := r.look(ctx, &b)
	return reconcile.Result{RequeueAfter: again}, err
}

// look takes a Block back if there is a reason to. Otherwise it says when there may be one; 0: not unless it changes.
func (r *Reconciler) look(ctx context.Context, b *v1alpha1.Block) (again time.Duration, err error) {
	if !b.DeletionTimestamp.IsZero() {
		return 0, unlessChanged(r.giveBack(ctx, b))
	}
	timeout, err := r.timeout(ctx, b)
	if err != nil {
		return 0, err
	}
	if silent := time.Since(r.sightings.note(b, time.Now())); silent < timeout {
		return timeout - silent, nil
	}
	return 0, unlessChanged(r.takeBack(ctx, b, timeout))
}

// unlessChanged leaves out that a Block has changed, or gone: it was heard of, or somebody else saw to it. It is looked at again
// for that.
func unlessChanged(err error) error {
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// giveBack ends the turn of a Block that is being deleted, so that what is not done goes out again.
func (r *Reconciler) giveBack(ctx context.Context, b *v1alpha1.Block) error {
	if !b.Status.Held() {
		return nil
	}
	b = b.DeepCopy()
	b.Status.SetPhase(v1alpha1.BlockReleased, "the Block is being deleted", metav1.Now())
	if err := r.Client.Status().Update(ctx, b); err != nil {
		return fmt.Errorf("give back block %s/%s: %w", b.Namespace, b.Name, err)
	}
	return nil
}

// timeout is how long the Block's worker may be silent.
func (r *Reconciler) timeout(ctx context.Context, b *v1alpha1.Block) (time.Duration, error) {
	var list v1alpha1.Worklist
	err := r.Client.Get(ctx, types.NamespacedName{Namespace: b.Namespace, Name: b.Spec.Worklist}, &list)
	if client.IgnoreNotFound(err) != nil {
		return 0, fmt.Errorf("read worklist %s of block %s/%s: %w", b.Spec.Worklist, b.Namespace, b.Name, err)
	}
	if t := list.Spec.Block.Timeout; t != nil && t.Duration > 0 {
		return t.Duration, nil
	}
	return defaultTimeout, nil
}

// takeBack ends the turn of a Block that has a range: its Worklist's controller sees to the rest. One that has none, or whose
// turn is over, is deleted: nobody is there to be given another.
func (r *Reconciler) takeBack(ctx context.Context, b *v1alpha1.Block, timeout time.Duration) error {
	if !b.Status.Held() {
		if b.Status.Finished() != "" && !b.Spec.Refill {
			return nil // its Worklist's controller deletes it
		}
		return r.Client.Delete(ctx, b, client.Preconditions{UID: &b.UID, ResourceVersion: &b.ResourceVersion})
	}
	b = b.DeepCopy()
	text := fmt.Sprintf("worker %s was not heard of for %s", b.Spec.Worker, timeout)
	b.Status.SetPhase(v1alpha1.BlockExpired, text, metav1.Now())
	if err := r.Client.Status().Update(ctx, b); err != nil {
		return fmt.Errorf("take back block %s/%s: %w", b.Namespace, b.Name, err)
	}
	r.Events.Eventf(b, nil, "Warning", "Expired", "TakeBack", "%s", text)
	return nil
}
