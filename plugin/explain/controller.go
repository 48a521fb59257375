package explain

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

const (
	// grace is how long the controller may take: it looks at a change within a tenth of a second, and at everything every ten.
	grace = 15 * time.Second
	// leaseLost is how long a leader's lease lasts without being renewed.
	leaseLost = 15 * time.Second
)

// unanswered says so if something has waited for the controller for longer than it takes, and tells whether it has.
func (e *explanation) unanswered() bool {
	what, since := e.oldestQuestion()
	if what == "" || e.Now.Sub(since) < grace {
		return false
	}
	e.say("No controller has acted for %s (%s): %s", e.ago(since), what, e.controller())
	if p := e.List.Status.Phase(); p != "" && p != v1alpha1.PhaseInvalid {
		e.sentences = append(e.sentences, e.ledger()...)
	}
	return true
}

// oldestQuestion is what has waited for the controller for the longest time, and since when; "" if nothing does.
func (e *explanation) oldestQuestion() (what string, since time.Time) {
	ask := func(at time.Time, format string, args ...any) {
		if what == "" || at.Before(since) {
			what, since = fmt.Sprintf(format, args...), at
		}
	}
	s := &e.List.Status
	switch {
	case s.Phase() == "":
		ask(e.List.CreationTimestamp.Time, "the list is new")
		return what, since
	case s.ObservedGeneration < e.List.Generation:
		ask(changed(&e.List.ObjectMeta), "its spec has changed")
	}
	for i := range e.Blocks {
		b := &e.Blocks[i]
		switch {
		case b.Status.Finished() != "":
			ask(turned(b), "Block %s is finished", b.Name)
		case b.Status.Phase() == v1alpha1.BlockPending && !b.Status.Held():
			ask(b.CreationTimestamp.Time, "Block %s asks for items", b.Name)
		}
	}
	return what, since
}

// changed is when an object's spec was changed last.
func changed(o *metav1.ObjectMeta) (at time.Time) {
	at = o.CreationTimestamp.Time
	for _, m := range o.ManagedFields {
		if m.Subresource == "" && m.Time != nil && m.Time.After(at) {
			at = m.Time.Time
		}
	}
	return at
}

// controller says what is known of teamtask-controller, where it does not act.
func (e *telling) controller() string {
	c := e.program
	switch {
	case c == nil:
		return "is teamtask-controller running?"
	case c.Name == "":
		return "there is no Deployment of teamtask-controller in the cluster; is it installed, or running elsewhere?"
	case c.Ready == 0:
		return fmt.Sprintf("of teamtask-controller, %d of %d pods are ready; see `kubectl describe --namespace %s deployment/%s`.", c.Ready, c.Wanted, c.Namespace, c.Name)
	case c.Elects && c.Leader == "":
		return fmt.Sprintf("teamtask-controller runs, but none of its pods leads; see `kubectl logs --namespace %s deployment/%s`.", c.Namespace, c.Name)
	case c.Elects && e.at.Sub(c.Renewed) > leaseLost:
		return fmt.Sprintf("teamtask-controller runs, but its leader, %s, has been silent for %s; see `kubectl logs --namespace %s deployment/%s`.",
			c.Leader, e.ago(c.Renewed), c.Namespace, c.Name)
	}
	log := "deployment/" + c.Name
	if c.Elects {
		log, _, _ = strings.Cut(c.Leader, "_") // the pod: client-go's election adds an id of its own to the host's name
	}
	return fmt.Sprintf("teamtask-controller runs, but has not seen to it; does it watch the namespace %s? See `kubectl logs --namespace %s %s`.",
		e.namespace, c.Namespace, log)
}
