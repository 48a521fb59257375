// Package change is what people do to a worklist that is there: pause, resume, cancel and retry it; or to a swarm: pause and resume.
//
// Each is a change of the spec, wherever the object is kept; a [Verb] says which, and why there may be nothing to change.
// The commands of packages cli and plugin carry it out, and say the same.
//
//	if why := change.Pause.Idle(list); why == "" {
//		err = patch(list, change.Pause.Patch())
//	}
package change

import (
	"fmt"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
)

// Verb is a change of one field of the spec.
type Verb struct {
	Name  string
	Short string // what it does, for the command's help
	Done  string // what has become of the list, or the swarm

	// Idle is why there is nothing to change; "" if there is.
	Idle func(*v1alpha1.Worklist) string

	idleSwarm func(*v1alpha1.Swarm) string // the same of a swarm; nil: it is not done to swarms

	field string
	value any
}

// Patch is the change as a merge patch (RFC 7396), of the spec only.
func (v Verb) Patch() map[string]any {
	return map[string]any{"spec": map[string]any{v.field: v.value}}
}

// ForSwarms tells whether it is done to swarms, too.
func (v Verb) ForSwarms() bool { return v.idleSwarm != nil }

// IdleSwarm is why there is nothing to change in a swarm; "" if there is. It fails if the verb is for worklists only.
func (v Verb) IdleSwarm(sw *v1alpha1.Swarm) (string, error) {
	if !v.ForSwarms() {
		return "", fmt.Errorf("swarm/%s: only worklists are there to %s; a swarm, which has no end, can be paused, resumed or deleted", sw.Name, v.Name)
	}
	return v.idleSwarm(sw), nil
}

// Pause suspends a list or a swarm.
var Pause = Verb{Name: "pause", Short: "Suspend a worklist or a swarm: hand out no more blocks, move no more workloads", Done: "paused", field: "suspend", value: true,
	idleSwarm: func(sw *v1alpha1.Swarm) string {
		if sw.Spec.Suspend {
			return pausedAlready
		}
		return ""
	},
	Idle: func(wl *v1alpha1.Worklist) string {
		if why := over(wl, "pause"); why != "" || !wl.Spec.Suspend {
			return why
		}
		return pausedAlready
	}}

// Resume takes a suspension back.
var Resume = Verb{Name: "resume", Short: "Hand out blocks of a paused worklist again, or move workloads of a paused swarm", Done: "resumed", field: "suspend",
	idleSwarm: func(sw *v1alpha1.Swarm) string {
		if sw.Spec.Suspend {
			return ""
		}
		return notPaused
	},
	Idle: func(wl *v1alpha1.Worklist) string {
		if wl.Spec.Suspend { // also of a list that is over: it may be retried
			return ""
		}
		if why := over(wl, "resume"); why != "" {
			return why
		}
		return notPaused
	}}

const (
	pausedAlready = "is paused already"
	notPaused     = "is not paused; nothing to resume"
)

// Cancel ends a list for good.
var Cancel = Verb{Name: "cancel", Short: "End a worklist for good", Done: "cancelled", field: "cancelled", value: true,
	Idle: func(wl *v1alpha1.Worklist) string {
		if why := over(wl, "cancel"); why != "" || !wl.Spec.Cancelled {
			return why
		}
		return "is cancelled already"
	}}

// Retry has the items tried again that were given up, by the count of retries. That is how a list in Kubernetes is told; a
// List server has a call for it, which says how many items they are.
func Retry(wl *v1alpha1.Worklist) Verb {
	return Verb{Name: "retry", Short: RetryShort, Done: Reopened(wl.Status.Failed), field: "retryFailed", value: wl.Spec.RetryFailed + 1,
		Idle: func(wl *v1alpha1.Worklist) string {
			switch {
			case wl.Spec.Cancelled:
				return NotCancelled(wl)
			case wl.Spec.RetryFailed > wl.Status.RetriedFailed:
				return "is to be retried already"
			case wl.Status.Failed == 0 && wl.Status.Phase() != v1alpha1.PhaseFailed:
				return NothingToRetry
			}
			return ""
		}}
}

// What is said of a retry.
const (
	RetryShort     = "Hand out the failed items of a worklist again"
	NothingToRetry = "has no failed items; nothing to retry"
)

// Reopened says that a list goes on, with so many failed items.
func Reopened(failed int64) string {
	if failed == 0 {
		return "reopened"
	}
	return "reopened: " + text.Number(failed, "failed item goes", "failed items go") + " out again"
}

// NotCancelled says why a list that was cancelled is not retried.
func NotCancelled(wl *v1alpha1.Worklist) string {
	if why := over(wl, "retry"); why != "" {
		return why
	}
	return "is cancelled; nothing to retry"
}

// over says that a list is over, so that there is nothing to do what the verb says; "" if it is not.
func over(wl *v1alpha1.Worklist, verb string) string {
	if !wl.Status.Phase().Over() {
		return ""
	}
	return fmt.Sprintf("is over (%s); nothing to %s", wl.Status.Phase(), verb)
}
