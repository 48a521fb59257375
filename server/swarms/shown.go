package swarms

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// judge says where the worker stands, as far as that is durable.
func (p *part) judge(now time.Time) {
	phase, message := v1alpha1.AssignmentBehind, fmt.Sprintf("it runs version %d, and version %d is wanted", p.Status.Version, p.Spec.Version)
	switch {
	case p.Status.Incarnation == "":
		phase, message = v1alpha1.AssignmentGone, "it is gone, and runs nothing"
	case p.Spec.Draining:
		phase, message = v1alpha1.AssignmentDraining, fmt.Sprintf("it gives everything away, and has %d left", p.Spec.Count)
	case p.Spec.Incarnation == p.Status.Incarnation && p.Spec.Version == p.Status.Version:
		phase, message = v1alpha1.AssignmentCurrent, "it runs what is wanted"
	case p.Status.Version == 0:
		phase, message = v1alpha1.AssignmentPending, "it has not said yet that it runs its part"
	}
	p.Status.SetPhase(phase, message, seconds(now))
}

// shown is the worker's Assignment for people, with what is known of it beside what is durable.
func (w *worker) shown(swarm string, now time.Time) v1alpha1.Assignment {
	a := w.next(swarm, now).Assignment
	if w.incarnation == "" {
		return a
	}
	begun := w.expires.Add(-w.lease) // its lease: with a renewal, or with this engine
	quiet := now.Sub(begun).Round(100 * time.Millisecond)
	if !w.heard {
		a.Status.SetPhase(v1alpha1.AssignmentUnknown, fmt.Sprintf("nothing was heard of it since this server took the swarm over, %s ago: after %s it is held to be gone",
			quiet, w.lease), seconds(begun))
		return a
	}
	renewed := metav1.NewMicroTime(begun.UTC())
	a.Status.RenewTime, a.Status.Trouble = &renewed, w.trouble
	switch {
	case quiet > w.lease*2/3:
		a.Status.SetPhase(v1alpha1.AssignmentSilent, fmt.Sprintf("nothing was heard of it for %s: after %s it is held to be gone", quiet, w.lease), seconds(begun.Add(w.lease*2/3)))
	case w.trouble != "" && a.Status.Version != a.Spec.Version:
		a.Status.SetPhase(v1alpha1.AssignmentFailing, fmt.Sprintf("it could not apply version %d of its part, and tries again: %s", a.Spec.Version, w.trouble), seconds(w.troubled))
	}
	return a
}
