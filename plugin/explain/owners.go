package explain

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
	"teamtask.dev/swarm/plan"
)

// mostOwners is how many of the workers that do not run their part are named.
const mostOwners = 10

// owners says of each worker that does not run what it is to run what is to happen.
func (e *swarmExplanation) owners() {
	said, more := 0, int64(0)
	for i := range e.Assignments {
		sentence := e.owner(&e.Assignments[i])
		switch {
		case sentence == "":
		case said == mostOwners:
			more++
		default:
			e.say("%s", sentence)
			said++
		}
	}
	if more > 0 {
		e.say("%s in the same way: see `kubectl get assignments --namespace %s --field-selector spec.swarm=%s`.", text.Number(more, "more stands", "more stand"), e.namespace, e.Swarm.Name)
	}
}

// owner says how a worker stands that does not run its part; "" of one that does.
func (e *swarmExplanation) owner(a *v1alpha1.Assignment) string {
	part := plan.Part(a)
	there, since := a.There()
	switch {
	case !there && len(part.Grants) > 0:
		return fmt.Sprintf("Worker %s, which has %s, has not been there for %s%s.", a.Spec.Worker, text.Number(int64(len(part.Grants)), "workload", "workloads"), e.ago(since), e.patience(a))
	case part.Acknowledged >= part.Version || !there:
		return ""
	}
	sentence := fmt.Sprintf("Worker %s is to run version %d, and runs %d", a.Spec.Worker, part.Version, part.Acknowledged)
	c := meta.FindStatusCondition(a.Status.Conditions, v1alpha1.ConditionCurrent)
	if c != nil && c.Reason == v1alpha1.AssignmentBehind {
		sentence += fmt.Sprintf(", since %s ago", e.ago(c.LastTransitionTime.Time))
	}
	if pending := part.Pending(); len(pending) > 0 {
		sentence += ": it has yet to let go of " + pending[0].Workload
		if others := int64(len(pending) - 1); others > 0 {
			sentence += " and " + text.Number(others, "other", "others")
		}
	}
	if c != nil && c.Message != "" && c.Reason != v1alpha1.AssignmentCurrent {
		sentence += "; " + strings.TrimSuffix(c.Message, ".")
	}
	if heard := a.Status.RenewTime; heard != nil {
		sentence += fmt.Sprintf("; it was last heard of %s ago", e.ago(heard.Time))
	}
	if t := e.Swarm.Spec.Handover.Timeout; t != nil && e.Swarm.Spec.Pool != nil && e.Swarm.Spec.Refresh != v1alpha1.RefreshRestart {
		sentence += fmt.Sprintf("; if it does not answer for %s, its pod is restarted", t.Duration)
	}
	return sentence + "."
}

// patience says how long a worker that is not there keeps what it has.
func (e *swarmExplanation) patience(a *v1alpha1.Assignment) string {
	p := e.Swarm.Spec.Handover.Patience
	switch {
	case e.Swarm.Spec.Suspend:
		return "; it keeps them as long as the swarm is suspended"
	case p == nil || a.Spec.Draining:
		return ""
	}
	return fmt.Sprintf("; when it has been away for %s, others get them", p.Duration)
}
