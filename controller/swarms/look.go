package swarms

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	core "teamtask.dev/swarm"
	"teamtask.dev/swarm/plan"
)

// look is all that a decision depends on, as it was read, and what the decision is.
type look struct {
	swarm       *v1alpha1.Swarm
	assignments []v1alpha1.Assignment // in order of worker
	publication *publication
	text        string // what is to be published; "": nothing new
	selector    string // finds the pool's pods
	now         time.Time
}

// read reads all that the Swarm depends on: the ConfigMap before the Assignments, and these after the Swarm.
func (r *Reconciler) read(ctx context.Context, swarm *v1alpha1.Swarm) (*look, plan.Situation, error) {
	l := &look{swarm: swarm, now: time.Now()}
	s := plan.Situation{Spec: swarm.Spec, Generation: swarm.Generation, Created: swarm.CreationTimestamp.Time, Status: swarm.Status, Record: plan.Head(&swarm.Status),
		Deleted: !swarm.DeletionTimestamp.IsZero(), Now: l.now}
	var err error
	if l.publication, err = r.findConfigMap(ctx, swarm); err != nil {
		return nil, s, err
	}
	if l.assignments, err = r.assignments(ctx, swarm.Namespace, swarm.Name); err != nil {
		return nil, s, err
	}
	for i := range l.assignments {
		a := &l.assignments[i]
		s.Record.Parts = append(s.Record.Parts, plan.Part(a))
		s.Workers = append(s.Workers, worker(a, &swarm.Spec, l.now))
	}
	var changed bool
	if l.text, changed = l.publication.prepare(l.assignments); !changed {
		l.text = ""
	}
	if s.Trouble, err = r.findPool(ctx, l); err != nil {
		return nil, s, err
	}
	if s.Trouble == "" {
		s.Workloads, s.Trouble, err = r.workloads(ctx, swarm)
	}
	if s.Trouble == "" && l.publication != nil {
		s.Trouble = l.publication.trouble
	}
	return l, s, err
}

// assignments are those of a Swarm, in order of worker.
func (r *Reconciler) assignments(ctx context.Context, namespace, swarm string) ([]v1alpha1.Assignment, error) {
	var list v1alpha1.AssignmentList
	if err := latest(ctx, r, &list, &list.Items, client.InNamespace(namespace), client.MatchingFields{"spec.swarm": swarm}); err != nil {
		return nil, fmt.Errorf("read the assignments of swarm %s/%s: %w", namespace, swarm, err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.Assignment) int { return strings.Compare(a.Spec.Worker, b.Spec.Worker) })
	return list.Items, nil
}

// worker is the one that an Assignment is for. One of a pool that has left just now comes back, so that its patience begins; nobody may
// have written down yet that it has left. Where programs read the ConfigMap its incarnation is the slot, which outlives any pod:
// once something was granted to the slot, whatever else joins under its name.
func worker(a *v1alpha1.Assignment, swarm *v1alpha1.SwarmSpec, now time.Time) plan.Worker {
	w := plan.Worker{Name: a.Spec.Worker, Incarnation: a.Status.Incarnation, Labels: a.Spec.Labels,
		Idle: idle(a), Draining: a.Spec.Draining || a.Status.Draining || !a.DeletionTimestamp.IsZero()}
	if there, since := a.There(); !there {
		w.Since = since
		if phase := a.Status.Phase(); swarm.Pool != nil && phase != v1alpha1.AssignmentPending && phase != v1alpha1.AssignmentGone {
			w.Since = now
		}
	}
	slot := string(a.UID)
	if reads := swarm.Refresh == v1alpha1.RefreshReload || swarm.Refresh == v1alpha1.RefreshRestart; reads && (w.Incarnation == "" || a.Spec.Incarnation == slot) {
		w.Incarnation = slot
	}
	return w
}

// idle is why a worker's pod does not run, if it does not.
func idle(a *v1alpha1.Assignment) string {
	if c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionCurrent); c != nil && c.Reason == v1alpha1.AssignmentIdle {
		return c.Message
	}
	return ""
}

// findPool looks at the pool, for what autoscalers are told of it.
func (r *Reconciler) findPool(ctx context.Context, l *look) (trouble string, err error) {
	ref := l.swarm.Spec.Pool
	if ref == nil {
		return "", nil
	}
	var pool client.Object
	var selector func() *metav1.LabelSelector
	switch ref.Kind {
	case "StatefulSet":
		set := &appsv1.StatefulSet{}
		pool, selector = set, func() *metav1.LabelSelector { return set.Spec.Selector }
	case "Deployment":
		d := &appsv1.Deployment{}
		pool, selector = d, func() *metav1.LabelSelector { return d.Spec.Selector }
	default:
		return fmt.Sprintf("spec.pool.kind: is %q: it must be StatefulSet or Deployment", ref.Kind), nil
	}
	err = r.Live.Get(ctx, client.ObjectKey{Namespace: l.swarm.Namespace, Name: ref.Name}, pool)
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Sprintf("spec.pool: there is no %s %s in the namespace %s: make it, or correct the name", ref.Kind, ref.Name, l.swarm.Namespace), nil
	case err != nil:
		return "", fmt.Errorf("read %s %s/%s: %w", ref.Kind, l.swarm.Namespace, ref.Name, err)
	}
	if found, err := metav1.LabelSelectorAsSelector(selector()); err == nil {
		l.selector = found.String()
	}
	return "", nil
}

// workloads are what is to be owned, of all sources; or why that is not known.
func (r *Reconciler) workloads(ctx context.Context, swarm *v1alpha1.Swarm) (all []core.Workload, trouble string, err error) {
	var maps []plan.ConfigMap
	if sources := swarm.Spec.Workloads.ConfigMaps; sources != nil {
		selector, err := metav1.LabelSelectorAsSelector(sources)
		if err == nil && selector.Empty() { // it was made before the API server refused that
			return nil, "spec.workloads.configMaps: is empty, and would select every ConfigMap of the namespace: say which, as in matchLabels: {swarm: NAME}", nil
		}
		if err != nil {
			return nil, fmt.Sprintf("spec.workloads.configMaps: %v: correct the selector", err), nil
		}
		var found corev1.ConfigMapList
		if err := r.Live.List(ctx, &found, client.InNamespace(swarm.Namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
			return nil, "", fmt.Errorf("read the ConfigMaps of swarm %s/%s: %w", swarm.Namespace, swarm.Name, err)
		}
		for _, m := range found.Items {
			if m.Name != swarm.Spec.ConfigMap { // which may be labelled as those are
				maps = append(maps, plan.ConfigMap{Name: m.Name, Data: m.Data})
			}
		}
	}
	var objects v1alpha1.WorkloadList
	if err := latest(ctx, r, &objects, &objects.Items, client.InNamespace(swarm.Namespace), client.MatchingFields{"spec.swarm": swarm.Name}); err != nil {
		return nil, "", fmt.Errorf("read the workloads of swarm %s/%s: %w", swarm.Namespace, swarm.Name, err)
	}
	objects.Items = slices.DeleteFunc(objects.Items, func(w v1alpha1.Workload) bool { return !w.DeletionTimestamp.IsZero() })
	all, wrong := plan.Workloads(swarm.Spec.Workloads, maps, objects.Items)
	if wrong != nil {
		return nil, wrong.Error(), nil
	}
	return all, "", nil
}
