package swarms

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm/plan"
)

// Reconciler carries out what [plan.Decide] decides.
type Reconciler struct {
	Client client.Client // writes, and reads what may be a little old
	Live   client.Reader // reads from the API server itself
	Events events.EventRecorder
}

const (
	// busy is how many writes of one decision are under way at a time.
	busy = 16
	// poll is how often a Swarm is looked at although nothing was seen to happen: an event may have been missed.
	poll = 30 * time.Second
	// soon is when a decision is followed by the next, or one that came too late is made anew.
	soon = 20 * time.Millisecond
)

// Reconcile looks at the objects as they are, decides, and acts.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var swarm v1alpha1.Swarm
	if err := r.Live.Get(ctx, req.NamespacedName, &swarm); apierrors.IsNotFound(err) {
		return r.abandon(ctx, req.NamespacedName)
	} else if err != nil {
		return reconcile.Result{}, fmt.Errorf("read swarm %s: %w", req, err)
	}
	if swarm.DeletionTimestamp.IsZero() && !slices.Contains(swarm.Finalizers, v1alpha1.SwarmFinalizer) {
		if err := r.guard(ctx, &swarm); err != nil {
			return unlessStale(fmt.Errorf("put the finalizer on swarm %s: %w", req, err))
		}
	}
	l, s, err := r.read(ctx, &swarm)
	if err != nil {
		return reconcile.Result{}, err
	}
	d := plan.Decide(s)
	switch err := r.act(ctx, l, &d); {
	case s.Deleted && apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		// A ConfigMap that went before the Swarm cannot be made anew. The pods go with their namespace, and nobody else is granted
		// anything there.
		return unlessStale(r.letGo(ctx, l))
	case err != nil:
		r.noteRefusal(&swarm, err)
		return unlessStale(fmt.Errorf("swarm %s: %w", req, err))
	}
	if d.Changed {
		return shortly(), nil
	}
	if s.Deleted && plan.Over(d.Record) {
		return unlessStale(r.letGo(ctx, l))
	}
	result := reconcile.Result{RequeueAfter: poll}
	if d.Wake > 0 && d.Wake < poll {
		result.RequeueAfter = d.Wake
	}
	return result, nil
}

// stale tells that a write came too late, for an object that was another one by then.
func stale(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err)
}

// unlessStale has a decision made anew that came too late.
func unlessStale(err error) (reconcile.Result, error) {
	if stale(err) {
		return shortly(), nil
	}
	return reconcile.Result{}, err
}

func shortly() reconcile.Result { return reconcile.Result{RequeueAfter: soon + rand.N(soon)} }
