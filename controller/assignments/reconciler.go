package assignments

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"teamtask.dev/api/v1alpha1"
)

// Reconciler carries out what [Decide] decides.
type Reconciler struct {
	Client client.Client // writes, and reads what may be a little old
	Live   client.Reader // reads from the API server itself
	Events events.EventRecorder

	sightings sightings
	published published
}

const (
	// soon is when a decision that came too late is made anew.
	soon = time.Second
	// touched is the annotation by which a pod is touched. Nothing is decided by it.
	touched = v1alpha1.Group + "/touched"
)

// Reconcile looks at one Assignment.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	if again, settled, err := r.glance(ctx, req.NamespacedName); settled || err != nil {
		return reconcile.Result{RequeueAfter: again}, err
	}
	l, err := r.look(ctx, req.NamespacedName)
	if l == nil || err != nil {
		return reconcile.Result{}, err
	}
	plan := Decide(l.Situation)
	if plan.Ask {
		if l.Answer, err = r.ask(ctx, l); l.Answer == nil || err != nil {
			return reconcile.Result{RequeueAfter: soon}, err
		}
		plan = Decide(l.Situation)
	}
	err = r.carryOut(ctx, l, plan)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return reconcile.Result{RequeueAfter: soon}, nil
	}
	return reconcile.Result{RequeueAfter: plan.Again}, err
}

// carryOut does what is to be done. It fails with a conflict if something has changed: then it is decided anew.
func (r *Reconciler) carryOut(ctx context.Context, l *look, plan Plan) error {
	a := l.Assignment
	if plan.Write {
		a = a.DeepCopy()
		a.Status = plan.Status
		if err := r.Client.Status().Update(ctx, a); err != nil {
			return fmt.Errorf("write the status of assignment %s/%s: %w", a.Namespace, a.Name, err)
		}
		if plan.Gone != "" {
			r.Events.Eventf(a, l.pod, corev1.EventTypeWarning, "Gone", "TakeBack", "worker %s is held to be gone: %s", a.Spec.Worker, plan.Gone)
		}
	}
	if plan.Touch != "" {
		if err := r.touch(ctx, l.pod, plan.Touch); err != nil {
			return fmt.Errorf("touch pod %s/%s: %w", a.Namespace, a.Spec.Worker, err)
		}
	}
	if plan.Restart != "" {
		if err := r.Client.Delete(ctx, l.pod, client.Preconditions{UID: &l.pod.UID}); err != nil {
			return fmt.Errorf("restart pod %s/%s: %w", a.Namespace, a.Spec.Worker, err)
		}
		r.sightings.restarted(a, time.Now())
		r.Events.Eventf(a, l.pod, corev1.EventTypeNormal, "Restarted", "Restart", "pod %s is restarted: %s", l.pod.Name, plan.Restart)
	}
	return nil
}

// touch changes a pod in what means nothing to anybody, so that the kubelet looks at it at once, and at the ConfigMap with it.
func (r *Reconciler) touch(ctx context.Context, pod *corev1.Pod, with string) error {
	patch := fmt.Sprintf(`{"metadata":{"uid":%q,"annotations":{%q:%q}}}`, pod.UID, touched, with)
	return r.Client.Patch(ctx, pod.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(patch)))
}
