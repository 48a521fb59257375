package explain

import (
	"cmp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// SwarmFacts are all that an explanation of a Swarm is made from. What could not be read is left empty, and named in Unread.
type SwarmFacts struct {
	Now         time.Time
	Swarm       *v1alpha1.Swarm
	Assignments []v1alpha1.Assignment // all of the Swarm's, in order

	Pool     *Pool          // nil: unknown, or the Swarm names none
	Pods     []corev1.Pod   // of the pool
	Warnings []corev1.Event // about any of these
	Denied   []string       // what the service accounts of its pods may not do, each as in "default/streams may not create Assignments"

	Controller *Controller // nil: unknown

	Unread []string // what could not be read, each with the reason
}

// Pool is what has the pods that are the workers. The zero Pool is one that does not exist.
type Pool struct {
	Exists        bool
	Wanted, Ready int32 // pods
}

// SwarmSentences say why a Swarm is, or is not, moving: the first is the answer, the others are details.
func SwarmSentences(f SwarmFacts) []string {
	e := &swarmExplanation{SwarmFacts: f, telling: telling{at: f.Now, namespace: f.Swarm.Namespace, events: f.Warnings, program: f.Controller}}
	e.unanswered()
	e.answer()
	e.owners()
	e.waits()
	e.pool()
	e.strangers()
	e.warnings()
	e.unread(f.Unread)
	return e.sentences
}

// swarmExplanation is an answer about a Swarm in the making.
type swarmExplanation struct {
	SwarmFacts
	telling
}

// unseen is the reason that the schema gives a Swarm which no controller has looked at.
const unseen = "New"

// converged is the condition whose reason and message say where the Swarm stands; nil as long as no controller has looked at it.
func (e *swarmExplanation) converged() *metav1.Condition {
	c := meta.FindStatusCondition(e.Swarm.Status.Conditions, v1alpha1.ConditionConverged)
	if c == nil || c.Reason == unseen {
		return nil
	}
	return c
}

// watches tells whether workers say themselves what they run.
func (e *swarmExplanation) watches() bool {
	return cmp.Or(e.Swarm.Spec.Refresh, v1alpha1.RefreshWatch) == v1alpha1.RefreshWatch
}

// unanswered says so if the Swarm has waited for its controller for longer than that takes.
func (e *swarmExplanation) unanswered() {
	what, since := "its spec has changed", changed(&e.Swarm.ObjectMeta)
	switch c := e.converged(); {
	case c == nil:
		what, since = "the swarm is new", e.Swarm.CreationTimestamp.Time
	case !e.Swarm.DeletionTimestamp.IsZero():
		if c.ObservedGeneration >= e.Swarm.Generation {
			return
		}
		what, since = "the swarm is being deleted", e.Swarm.DeletionTimestamp.Time
	case c.ObservedGeneration >= e.Swarm.Generation:
		return
	}
	if e.Now.Sub(since) >= grace {
		e.say("No controller has acted for %s (%s): %s", e.ago(since), what, e.controller())
	}
}

// answer says how the Swarm itself stands, in its controller's words.
func (e *swarmExplanation) answer() {
	c := e.converged()
	if c == nil {
		if len(e.sentences) == 0 {
			e.say("The swarm was made %s ago: its controller is about to look at it.", e.ago(e.Swarm.CreationTimestamp.Time))
		}
		return
	}
	if !e.Swarm.DeletionTimestamp.IsZero() {
		e.say("The swarm is being deleted: it goes once its workers have let go of everything.")
		return
	}
	message := strings.TrimSuffix(c.Message, ".")
	switch c.Reason {
	case v1alpha1.SwarmConverged:
		if e.watches() || e.Pool == nil || e.Pool.Ready >= e.Pool.Wanted {
			e.say("Every worker runs its part: %s.", message)
			return
		}
		// A pod that runs need not be ready.
		e.say("Every worker has its part, but not every pod is ready: %s.", message)
	case v1alpha1.SwarmMoving:
		since := c.LastTransitionTime.Time
		if made := e.Swarm.CreationTimestamp.Time; made.After(since) {
			since = made // it was never True, and has the schema's time
		}
		e.say("The swarm has been moving for %s: %s.", e.ago(since), message)
	case v1alpha1.SwarmWaiting:
		if slices.ContainsFunc(e.Assignments, func(a v1alpha1.Assignment) bool { return a.Status.Phase() == v1alpha1.AssignmentIdle }) {
			e.say("Not everything runs: %s.", message)
			return
		}
		e.say("Not everything has an owner: %s.", message)
	case v1alpha1.SwarmNoWorkers:
		e.say("Nobody is there to own anything: %s.", message)
	case v1alpha1.SwarmInvalid:
		e.say("The swarm cannot be shared out: %s.", message)
	case v1alpha1.SwarmSuspended:
		e.say("The swarm is suspended: %s; `kubectl teamtask resume swarm/%s` has it go on.", message, e.Swarm.Name)
	default:
		e.say("%s: %s.", c.Reason, message)
	}
}

// mostWaits is how many of the workloads that wait are named.
const mostWaits = 10

// waits says what has no owner, and why, unless it was said.
func (e *swarmExplanation) waits() {
	s := &e.Swarm.Status
	for i, w := range s.Waits {
		if i == mostWaits {
			e.say("More wait: see `kubectl get swarm --namespace %s %s --output=yaml`.", e.namespace, e.Swarm.Name)
			return
		}
		if reason := strings.TrimSuffix(w.Reason, "."); !e.said(w.Name + ": " + reason) {
			e.say("Workload %s waits: %s.", w.Name, reason)
		}
	}
}
