package swarms

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm/handover"
	"teamtask.dev/swarm/plan"
)

const (
	// mostWorkers is for how many workers of one decision there is an event each; for more there is one in all.
	mostWorkers = 8
	// mostNames is how many workloads an event names.
	mostNames = 8
	// longNote is what the API server takes as the text of an event, in bytes.
	longNote = 1024
)

// note says what was decided: which workloads move, and where the Swarm stands if that is new.
func (r *Reconciler) note(l *look, d *plan.Decision, before string) {
	r.moved(l, d, "Revoked", "TakeAway", "taken away from", d.Revoked)
	r.moved(l, d, "Granted", "HandOver", "granted to", d.Granted)
	grantsTotal.Add(float64(len(d.Granted)))
	revokedTotal.Add(float64(len(d.Revoked)))
	now := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.ConditionConverged)
	if now.Reason == before {
		return
	}
	kind := "Normal"
	switch now.Reason {
	case v1alpha1.SwarmInvalid, v1alpha1.SwarmNoWorkers, v1alpha1.SwarmWaiting:
		kind = "Warning"
	case v1alpha1.SwarmMoving: // the moves have events of their own
		return
	}
	r.Events.Eventf(named(l.swarm), nil, kind, now.Reason, "ShareOut", "%s", v1alpha1.Cut(now.Message, longNote))
}

// noteRefusal says that the API server will not take what is to be written: that is for people to mend, say a quota.
func (r *Reconciler) noteRefusal(swarm *v1alpha1.Swarm, err error) {
	if apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err) {
		r.Events.Eventf(named(swarm), nil, "Warning", "Refused", "Write", "%s", v1alpha1.Cut(err.Error(), longNote))
	}
}

// named is a Swarm without its version: events about it for the same reason become one, which counts.
func named(swarm *v1alpha1.Swarm) *v1alpha1.Swarm {
	return &v1alpha1.Swarm{ObjectMeta: metav1.ObjectMeta{Namespace: swarm.Namespace, Name: swarm.Name, UID: swarm.UID}}
}

// moved says which workloads were granted or revoked. The Swarm is named with its version, as each decision has events of its own.
func (r *Reconciler) moved(l *look, d *plan.Decision, reason, action, done string, changes []handover.Change) {
	if len(changes) == 0 {
		return
	}
	by := map[string][]string{}
	for _, c := range changes {
		by[c.Worker] = append(by[c.Worker], c.Workload)
	}
	about := named(l.swarm)
	about.ResourceVersion = l.swarm.ResourceVersion
	if len(by) > mostWorkers {
		r.Events.Eventf(about, nil, "Normal", reason, action, "%d workloads are %s %d workers, version %d", len(changes), done, len(by), d.Status.Version)
		return
	}
	for _, worker := range slices.Sorted(maps.Keys(by)) {
		var assignment *v1alpha1.Assignment
		for i := range l.assignments {
			if l.assignments[i].Spec.Worker == worker {
				assignment = &l.assignments[i]
			}
		}
		related := &v1alpha1.Assignment{ObjectMeta: metav1.ObjectMeta{Namespace: assignment.Namespace, Name: assignment.Name, UID: assignment.UID}}
		r.Events.Eventf(about, related, "Normal", reason, action, "%s", v1alpha1.Cut(fmt.Sprintf("%s %s %s, version %d", list(by[worker]), done, worker, d.Status.Version), longNote))
	}
}

// list names workloads, and says that they are or, if it is one, that it is.
func list(names []string) string {
	if len(names) == 1 {
		return names[0] + " is"
	}
	text := strings.Join(names[:min(len(names), mostNames)], ", ")
	if more := len(names) - mostNames; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text + " are"
}
