package swarms

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm/handover"
	"teamtask.dev/swarm/plan"
)

// Each write is for the object as it was read: if it has changed since, the API server refuses it, and the whole decision is forgotten.
// Of an Assignment it is the spec that must not have changed: see grant.

// act writes the status, then the Assignments; and if there was nothing to be decided, what these say is published. What was written,
// and nothing else, is told to people.
func (r *Reconciler) act(ctx context.Context, l *look, d *plan.Decision) error {
	before := l.swarm.Status
	d.Status.Selector = l.selector
	if d.News || d.Status.Selector != before.Selector {
		l.swarm.Status = d.Status
		if err := r.Client.Status().Update(ctx, l.swarm); err != nil {
			return fmt.Errorf("write the status: %w", err)
		}
		r.stands(l.swarm, before.Phase())
	}
	written := make([]bool, len(l.assignments))
	var writes []func(context.Context) error
	for i := range l.assignments {
		a := &l.assignments[i]
		p := d.Record.Part(a.Spec.Worker)
		switch {
		case d.Changed && p != nil && slices.Contains(d.Record.Writing, p.Worker):
			writes = append(writes, func(ctx context.Context) error {
				err := r.write(ctx, l.swarm, a, p, d.Loads)
				written[i] = err == nil
				return err
			})
		case d.Changed && p == nil && (a.Spec.Incarnation != "" || len(a.Spec.Workloads)+len(a.Spec.Revoked) > 0):
			writes = append(writes, func(ctx context.Context) error { return r.clear(ctx, a) })
		case !a.DeletionTimestamp.IsZero() && (p == nil || plan.Idle(p)):
			writes = append(writes, func(ctx context.Context) error { return r.release(ctx, a) })
		case !d.Changed && p == nil && l.swarm.Spec.Pool == nil && a.DeletionTimestamp.IsZero() && a.Status.Phase() == v1alpha1.AssignmentGone:
			writes = append(writes, func(ctx context.Context) error { return r.forget(ctx, a) })
		}
	}
	if !d.Changed && l.text != "" {
		writes = append(writes, func(ctx context.Context) error { return r.publish(ctx, l.swarm, l.publication, l.text) })
	}
	err := all(ctx, writes)
	r.note(l, d, written)
	return err
}

// all makes writes, some at a time. That one came too late is reported only if nothing worse happened.
func all(ctx context.Context, writes []func(context.Context) error) error {
	results := make([]error, len(writes))
	var group errgroup.Group
	group.SetLimit(busy)
	for i, write := range writes {
		group.Go(func() error {
			results[i] = write(ctx)
			return nil
		})
	}
	group.Wait()
	var late error
	var failed []error
	for _, err := range results {
		if stale(err) {
			late = err
		} else if err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) > 0 {
		return errors.Join(failed...)
	}
	return late
}

// write gives a worker its part. An Assignment made by hand is to go with its Swarm from now on, and not before its worker has let go.
func (r *Reconciler) write(ctx context.Context, swarm *v1alpha1.Swarm, a *v1alpha1.Assignment, p *handover.Part, loads map[string]int64) error {
	before := a.DeepCopy()
	plan.Write(p, &a.Spec)
	if load, known := loads[p.Worker]; known {
		a.Spec.Load = load
	}
	if a.DeletionTimestamp.IsZero() {
		if !slices.Contains(a.Finalizers, v1alpha1.AssignmentFinalizer) {
			a.Finalizers = append(a.Finalizers, v1alpha1.AssignmentFinalizer)
		}
		if !slices.ContainsFunc(a.OwnerReferences, func(o metav1.OwnerReference) bool { return o.Kind == v1alpha1.SwarmKind }) {
			a.OwnerReferences = append(a.OwnerReferences, metav1.OwnerReference{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.SwarmKind, Name: swarm.Name, UID: swarm.UID})
		}
	}
	if err := r.grant(ctx, a, before); err != nil {
		return fmt.Errorf("write assignment %s: %w", a.Name, err)
	}
	return nil
}

// clear takes everything off an Assignment whose worker is gone.
func (r *Reconciler) clear(ctx context.Context, a *v1alpha1.Assignment) error {
	before := a.DeepCopy()
	plan.Write(&handover.Part{Version: uint64(a.Spec.Version)}, &a.Spec)
	a.Spec.Load = 0
	if err := r.grant(ctx, a, before); err != nil {
		return fmt.Errorf("clear assignment %s: %w", a.Name, err)
	}
	return nil
}

// forget deletes the Assignment of a worker that joined by itself, is gone and is waited for no longer. Should it come back it makes
// another one.
func (r *Reconciler) forget(ctx context.Context, a *v1alpha1.Assignment) error {
	as := client.Preconditions{UID: &a.UID, ResourceVersion: &a.ResourceVersion}
	if err := r.Client.Delete(ctx, a, as); err != nil {
		return fmt.Errorf("delete assignment %s: %w", a.Name, err)
	}
	return nil
}

// release lets an Assignment go that is being deleted.
func (r *Reconciler) release(ctx context.Context, a *v1alpha1.Assignment) error {
	if err := r.unguard(ctx, a, v1alpha1.AssignmentFinalizer); err != nil {
		return fmt.Errorf("let go of assignment %s: %w", a.Name, err)
	}
	return nil
}

// guard keeps a Swarm from going before its workers have let go.
func (r *Reconciler) guard(ctx context.Context, swarm *v1alpha1.Swarm) error {
	before := swarm.DeepCopy()
	swarm.Finalizers = append(swarm.Finalizers, v1alpha1.SwarmFinalizer)
	return r.Client.Patch(ctx, swarm, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// unguard takes a finalizer off, if it is there.
func (r *Reconciler) unguard(ctx context.Context, o client.Object, finalizer string) error {
	kept := slices.DeleteFunc(slices.Clone(o.GetFinalizers()), func(f string) bool { return f == finalizer })
	if len(kept) == len(o.GetFinalizers()) {
		return nil
	}
	before := o.DeepCopyObject().(client.Object)
	o.SetFinalizers(kept)
	return r.Client.Patch(ctx, o, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// letGo lets a Swarm go that is being deleted, and whose workers run nothing any more. The garbage collector deletes its Assignments.
func (r *Reconciler) letGo(ctx context.Context, l *look) error {
	if err := r.withdraw(ctx, l.publication); client.IgnoreNotFound(err) != nil {
		return err
	}
	if err := r.unguard(ctx, l.swarm, v1alpha1.SwarmFinalizer); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("let go of swarm %s/%s: %w", l.swarm.Namespace, l.swarm.Name, err)
	}
	return nil
}

// abandon lets Assignments go whose Swarm is gone, once they are deleted. One whose worker keeps a lease and may run something
// stays until it has left: there may be another Swarm of that name soon.
func (r *Reconciler) abandon(ctx context.Context, name types.NamespacedName) (reconcile.Result, error) {
	left, err := r.assignments(ctx, name.Namespace, name.Name)
	if err != nil {
		return reconcile.Result{}, err
	}
	var writes []func(context.Context) error
	for i := range left {
		a := &left[i]
		p := plan.Part(a)
		if !a.DeletionTimestamp.IsZero() && (plan.Idle(&p) || p.Incarnation != a.Status.Incarnation || p.Incarnation == string(a.UID)) {
			writes = append(writes, func(ctx context.Context) error { return r.release(ctx, a) })
		}
	}
	if err := all(ctx, writes); err != nil {
		return unlessStale(err)
	}
	return reconcile.Result{}, nil
}
