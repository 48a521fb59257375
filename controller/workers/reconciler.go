package workers

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller/diagnosis"
)

// Reconciler carries out what [Decide] decides.
type Reconciler struct {
	Client client.Client // writes
	Live   client.Reader // reads from the API server itself
	Events events.EventRecorder
	Image  string // of Teamtask: its entry point is the teamtask program
	Role   string // ClusterRole of the pods' ServiceAccounts; "": teamtask-worker
}

const (
	// soon is when a decision that came too late is made anew.
	soon = time.Second
	// later is when what the API server has refused is tried again: a quota may have been raised.
	later = time.Minute
)

// Reconcile looks at the objects as they are, decides, and acts.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var list v1alpha1.Worklist
	if err := r.Live.Get(ctx, req.NamespacedName, &list); err != nil {
		if apierrors.IsNotFound(err) {
			return reconcile.Result{}, nil
		}
		return reconcile.Result{}, fmt.Errorf("read worklist %s: %w", req, err)
	}
	s := Situation{Now: time.Now(), List: &list, Image: r.Image}
	if err := r.look(ctx, &s); err != nil {
		return reconcile.Result{}, fmt.Errorf("look at the workers of %s: %w", req, err)
	}
	if err := r.takeBack(ctx, &s); err != nil {
		return reconcile.Result{}, fmt.Errorf("workers of %s: %w", req, err)
	}
	plan := Decide(s)
	late, err := r.carryOut(ctx, &list, plan)
	if text := refusal(""); errors.As(err, &text) || refuses(err) {
		plan.Report.set(&list, metav1.ConditionFalse, refused, v1alpha1.Cut(err.Error(), longNote))
		plan.Again, err = later, nil
	}
	if err == nil && plan.Report != nil {
		err = r.tell(ctx, &list, *plan.Report, metav1.NewTime(s.Now))
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("workers of %s: %w", req, err)
	}
	if late {
		plan.Again = soon
	}
	return reconcile.Result{RequeueAfter: plan.Again}, nil
}

// look reads the list's Jobs, and what keeps the pods of the one that is wanted from running.
func (r *Reconciler) look(ctx context.Context, s *Situation) error {
	var jobs batchv1.JobList
	if err := r.Live.List(ctx, &jobs, client.InNamespace(s.List.Namespace), client.MatchingLabels{listLabel: labelOf(s.List.Name)}); err != nil {
		return fmt.Errorf("read Jobs: %w", err)
	}
	for _, j := range jobs.Items {
		if !metav1.IsControlledBy(&j, s.List) || j.Spec.Completions == nil { // somebody else's
			continue
		}
		s.Jobs = append(s.Jobs, j)
		if s.List.Spec.Workers == nil || s.List.Status.Phase() != v1alpha1.PhaseActive || j.Name != jobName(s.List) ||
			finished(&j) != nil || ready(&j) >= *j.Spec.Parallelism {
			continue
		}
		var err error
		if s.Trouble, err = r.trouble(ctx, &j); err != nil {
			return err
		}
	}
	return nil
}

// trouble is what keeps a Job's pods from running.
func (r *Reconciler) trouble(ctx context.Context, j *batchv1.Job) (diagnosis.Trouble, error) {
	var refusals corev1.EventList
	if missing(j) {
		if err := r.Live.List(ctx, &refusals, client.InNamespace(j.Namespace),
			client.MatchingFields{"involvedObject.uid": string(j.UID), "reason": "FailedCreate"}); err != nil {
			return diagnosis.Trouble{}, fmt.Errorf("read the events of Job %s: %w", j.Name, err)
		}
	}
	const some = 100 // what keeps one from running keeps many
	var pods corev1.PodList
	if err := r.Live.List(ctx, &pods, client.InNamespace(j.Namespace), client.MatchingLabels{batchv1.JobNameLabel: j.Name}, client.Limit(some)); err != nil {
		return diagnosis.Trouble{}, fmt.Errorf("read the pods of Job %s: %w", j.Name, err)
	}
	return diagnosis.Of(pods.Items, refusals.Items), nil
}

// carryOut makes the plan's writes. late tells that something had changed: then the next decision sees to it.
func (r *Reconciler) carryOut(ctx context.Context, list *v1alpha1.Worklist, plan Plan) (late bool, err error) {
	if plan.Account != "" {
		if err := r.provideAccount(ctx, list, plan.Account); err != nil {
			return stale(err), unlessStale(err)
		}
	}
	for _, s := range plan.Steps {
		if err := r.do(ctx, s); err != nil {
			return stale(err), unlessStale(err)
		}
		r.Events.Eventf(list, s.Job, "Normal", s.Reason, string(s.Do), "%s", s.Text)
	}
	return false, nil
}

// do is one write. A Job is known by its UID: another one of its name is left alone.
func (r *Reconciler) do(ctx context.Context, s Step) error {
	j := s.Job
	switch s.Do {
	case Create:
		if err := r.Client.Create(ctx, j); err != nil {
			return fmt.Errorf("make Job %s: %w", j.Name, err)
		}
	case Scale:
		before := j.DeepCopy()
		setPods(j, s.Pods)
		if err := r.Client.Patch(ctx, j, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("scale Job %s: %w", j.Name, err)
		}
	case Delete:
		if err := r.Client.Delete(ctx, j, client.Preconditions{UID: &j.UID}, client.PropagationPolicy(metav1.DeletePropagationBackground)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete Job %s: %w", j.Name, err)
		}
	}
	return nil
}

// missing tells whether a Job has fewer pods than it should by now.
func missing(j *batchv1.Job) bool {
	return j.Status.Active < min(*j.Spec.Parallelism, *j.Spec.Completions-j.Status.Succeeded)
}

// stale tells that a write came too late, for objects that were other ones by then.
func stale(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err)
}

func unlessStale(err error) error {
	if stale(err) {
		return nil
	}
	return err
}

// refusal is why something cannot be made, for the list's status.
type refusal string

func (r refusal) Error() string { return string(r) }

// refuses tells that the API server will not take something as it is, or misses what it refers to: a ClusterRole.
func refuses(err error) bool {
	return apierrors.IsNotFound(err) || apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}
