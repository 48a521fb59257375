package workers

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// Report is the pods' part of the list's status. The zero Report says nothing: the list has no workers.
type Report struct {
	Replicas  int32 // pods that there are
	Selector  string
	Condition metav1.Condition // ConditionWorkers
}

// Reasons of the condition, beside those of a [Trouble].
const (
	running  = "Running"
	starting = "Starting"
	stopped  = "Stopped"
	over     = "Finished"
	refused  = "Refused" // the Job, or what it needs, by the API server
)

// report says how the pods are before the plan is carried out.
func (d *decision) report() *Report {
	r := &Report{Selector: Selector(d.List.Name)}
	for i := range d.Jobs {
		if j := &d.Jobs[i]; j.DeletionTimestamp.IsZero() && finished(j) == nil {
			r.Replicas += j.Status.Active
		}
	}
	var up int32
	if d.current != nil {
		up = ready(d.current)
	}
	goal, phase := wanted(d.List), d.List.Status.Phase()
	yes := func(reason, text string) { r.set(d.List, metav1.ConditionTrue, reason, text) }
	no := func(reason, text string) { r.set(d.List, metav1.ConditionFalse, reason, text) }
	switch {
	case phase.Over() && r.Replicas > 0:
		yes(running, fmt.Sprintf("the list is %s; %s about to end", name(phase), are(r.Replicas)))
	case phase.Over():
		yes(over, fmt.Sprintf("the list is %s, and no pod runs any more", name(phase)))
	case phase != v1alpha1.PhaseActive && r.Replicas > 0:
		yes(running, fmt.Sprintf("the list is %s; %s about to finish what is out", name(phase), are(r.Replicas)))
	case phase != v1alpha1.PhaseActive:
		yes(stopped, fmt.Sprintf("the list is %s: there is nothing to do", name(phase)))
	case goal == 0 && r.Replicas == 0:
		yes(stopped, "spec.workers.parallelism is 0")
	case d.current != nil && up >= goal:
		yes(running, pods(up)+" ready")
	case d.Trouble.Reason != "":
		no(d.Trouble.Reason, d.Trouble.Text)
	default:
		no(starting, fmt.Sprintf("%d of %s ready", up, pods(goal)))
	}
	return r
}

func (r *Report) set(list *v1alpha1.Worklist, status metav1.ConditionStatus, reason, text string) {
	r.Condition = metav1.Condition{Type: v1alpha1.ConditionWorkers, Status: status, Reason: reason, Message: text, ObservedGeneration: list.Generation}
}

// news compares with what the status says, and dates the condition.
func (r *Report) news(list *v1alpha1.Worklist, now metav1.Time) (changed, otherReason bool) {
	old := meta.FindStatusCondition(list.Status.Conditions, v1alpha1.ConditionWorkers)
	if old == nil {
		old = &metav1.Condition{}
	}
	if r.Condition.Type != "" {
		r.Condition.LastTransitionTime = now
		if old.Status == r.Condition.Status {
			r.Condition.LastTransitionTime = old.LastTransitionTime
		}
	}
	changed = *old != r.Condition || list.Status.Replicas != r.Replicas || list.Status.Selector != r.Selector
	return changed, old.Reason != r.Condition.Reason
}

// name is a phase within a sentence.
func name(p v1alpha1.Phase) string {
	if p == "" {
		return "new"
	}
	return strings.ToLower(string(p))
}

func pods(n int32) string {
	if n == 1 {
		return "1 pod"
	}
	return fmt.Sprintf("%d pods", n)
}

func are(n int32) string {
	if n == 1 {
		return "1 pod is"
	}
	return fmt.Sprintf("%d pods are", n)
}
