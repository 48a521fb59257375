package pools

import (
	"context"
	"errors"
	"fmt"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"teamtask.dev/api/v1alpha1"
)

// Reconciler carries out what [Decide] decides.
type Reconciler struct {
	Client client.Client // writes
	Live   client.Reader // reads from the API server itself
	Events events.EventRecorder
}

const (
	// soon is when a decision that came too late is made anew.
	soon = time.Second
	// poll is how often a pool is looked at although nothing was seen to happen: an event may have been missed.
	poll = time.Minute
)

// Reconcile looks at one Swarm's pool.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var swarm v1alpha1.Swarm
	if err := r.Live.Get(ctx, req.NamespacedName, &swarm); err != nil {
		if apierrors.IsNotFound(err) {
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("read swarm %s: %w", req, err)
	}
	if swarm.Spec.Pool == nil || !swarm.DeletionTimestamp.IsZero() {
		return reconcile.Result{}, nil
	}
	l, err := r.look(ctx, &swarm)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("look at the pool of swarm %s: %w", req, err)
	}
	if l == nil {
		return reconcile.Result{RequeueAfter: poll}, nil
	}
	late, err := r.carryOut(ctx, l, Decide(l.Situation))
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("pool of swarm %s: %w", req, err)
	}
	if late {
		return reconcile.Result{RequeueAfter: soon}, nil
	}
	return reconcile.Result{RequeueAfter: poll}, nil
}

// carryOut makes the plan's writes. late tells that something had changed: then it is decided anew. One that fails does not keep
// the others from being made, but the pool is scaled only if all was done that comes before.
func (r *Reconciler) carryOut(ctx context.Context, l *look, plan Plan) (late bool, err error) {
	var errs []error
	note := func(err error) {
		if stale(err) {
			late = true
		} else if err != nil {
			errs = append(errs, err)
		}
	}
	for _, w := range plan.Create {
		note(r.create(ctx, l.Swarm, w))
	}
	for _, u := range plan.Update {
		note(r.update(ctx, l.Swarm, u))
	}
	for _, a := range plan.Delete {
		note(r.delete(ctx, a))
	}
	for _, c := range plan.Costs {
		note(r.tellCost(ctx, l, c))
	}
	if plan.Replicas != nil && !late && len(errs) == 0 {
		note(r.scale(ctx, l, *plan.Replicas))
	}
	if len(errs) > 0 && apierrors.HasStatusCause(errs[0], corev1.NamespaceTerminatingCause) {
		return true, nil // all that is in it is about to go
	}
	return late, errors.Join(errs...)
}

// stale tells that a write came too late, for objects that were other ones by then.
func stale(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err)
}

// create makes a worker's Assignment, empty.
func (r *Reconciler) create(ctx context.Context, swarm *v1alpha1.Swarm, w Worker) error {
	a := &v1alpha1.Assignment{
		ObjectMeta: metav1.ObjectMeta{Namespace: swarm.Namespace, Name: swarm.Name + "." + w.Name, Finalizers: []string{v1alpha1.AssignmentFinalizer},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(swarm, v1alpha1.GroupVersion.WithKind(v1alpha1.SwarmKind))}},
		Spec: v1alpha1.AssignmentSpec{Swarm: swarm.Name, Worker: w.Name, Labels: w.Labels, Draining: w.Draining}}
	if err := r.Client.Create(ctx, a); err != nil {
		return fmt.Errorf("make assignment %s: %w", a.Name, err)
	}
	return nil
}

// update makes an Assignment say what is so of its worker, on condition that it has not changed: its part may have.
func (r *Reconciler) update(ctx context.Context, swarm *v1alpha1.Swarm, u Update) error {
	before := u.Assignment.DeepCopy()
	u.Assignment.Spec.Labels, u.Assignment.Spec.Draining = u.Labels, u.Draining
	if err := r.Client.Patch(ctx, u.Assignment, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("update assignment %s: %w", before.Name, err)
	}
	switch {
	case u.Draining && !before.Spec.Draining:
		r.Events.Eventf(swarm, u.Assignment, corev1.EventTypeNormal, "Draining", "Drain", "worker %s is about to go, and is drained", before.Spec.Worker)
	case !u.Draining && before.Spec.Draining:
		r.Events.Eventf(swarm, u.Assignment, corev1.EventTypeNormal, "Staying", "Drain", "worker %s stays", before.Spec.Worker)
	}
	return nil
}

// delete deletes the Assignment of a worker that is not in the pool any more, as it was seen.
func (r *Reconciler) delete(ctx context.Context, a *v1alpha1.Assignment) error {
	if err := r.Client.Delete(ctx, a, client.Preconditions{UID: &a.UID, ResourceVersion: &a.ResourceVersion}); err != nil {
		return fmt.Errorf("delete assignment %s: %w", a.Name, err)
	}
	return nil
}

// tellCost says what deleting a pod is to cost.
func (r *Reconciler) tellCost(ctx context.Context, l *look, c Cost) error {
	value := "null"
	if c.Cost != "" {
		value = fmt.Sprintf("%q", c.Cost)
	}
	patch := fmt.Sprintf(`{"metadata":{"uid":%q,"annotations":{%q:%s}}}`, l.pods[c.Pod], corev1.PodDeletionCost, value)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: l.Swarm.Namespace, Name: c.Pod}}
	if err := r.Client.Patch(ctx, pod, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		return fmt.Errorf("say what deleting pod %s costs: %w", c.Pod, err)
	}
	return nil
}

// scale has the pool have so many pods, if it is as it was seen.
func (r *Reconciler) scale(ctx context.Context, l *look, replicas int) error {
	ref := l.Swarm.Spec.Pool
	scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Namespace: l.Swarm.Namespace, Name: ref.Name, UID: l.pool.GetUID(), ResourceVersion: l.pool.GetResourceVersion()},
		Spec: autoscalingv1.ScaleSpec{Replicas: int32(replicas)}}
	if err := r.Client.SubResource("scale").Update(ctx, l.pool, client.WithSubResourceBody(scale)); err != nil {
		return fmt.Errorf("scale %s %s: %w", ref.Kind, ref.Name, err)
	}
	reason, text := "ScaledUp", "%s %s is scaled from %d to %d"
	if replicas < l.Pool.Replicas {
		reason, text = "ScaledDown", "%s %s is scaled from %d to %d: those that go have given everything away"
	}
	r.Events.Eventf(l.Swarm, l.pool, corev1.EventTypeNormal, reason, "Scale", text, ref.Kind, ref.Name, l.Pool.Replicas, replicas)
	return nil
}
