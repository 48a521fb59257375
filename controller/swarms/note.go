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

// stands says where the Swarm stands, if that is new.
func (r *Reconciler) stands(swarm *v1alpha1.Swarm, before string) {
	now := meta.FindStatusCondition(swarm.Status.Conditions, v1alpha1.ConditionConverged)
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
	r.Events.Eventf(decided(swarm), nil, kind, now.Reason, "ShareOut", "%s", v1alpha1.Cut(now.Message, longNote))
}

// note says which workloads move, of those workers whose Assignments were written: what was only announced has perhaps to be decided
// anew.
func (r *Reconciler) note(l *look, d *plan.Decision, written []bool) {
	to := map[string]*v1alpha1.Assignment{}
	for i, ok := range written {
		if ok {
			to[l.assignments[i].Spec.Worker] = &l.assignments[i]
		}
	}
	revokedTotal.Add(float64(r.moved(l.swarm, to, "Revoked", "TakeAway", "taken away from", d.Revoked)))
	grantsTotal.Add(float64(r.moved(l.swarm, to, "Granted", "HandOver", "granted to", d.Granted)))
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

// decided is a Swarm with its version: each decision has events of its own, as what they say is about that one.
func decided(swarm *v1alpha1.Swarm) *v1alpha1.Swarm {
	about := named(swarm)
	about.ResourceVersion = swarm.ResourceVersion
	return about
}

// moved says which workloads were granted to workers or revoked, and returns how many.
func (r *Reconciler) moved(swarm *v1alpha1.Swarm, workers map[string]*v1alpha1.Assignment, reason, action, done string, changes []handover.Change) (n int) {
	by := map[string][]string{}
	for _, c := range changes {
		if workers[c.Worker] != nil {
			by[c.Worker] = append(by[c.Worker], c.Workload)
			n++
		}
	}
	about := decided(swarm)
	if len(by) > mostWorkers {
		r.Events.Eventf(about, nil, "Normal", reason, action, "%d workloads are %s %d workers, version %d", n, done, len(by), swarm.Status.Version)
		return n
	}
	for _, worker := range slices.Sorted(maps.Keys(by)) {
		a := workers[worker]
		related := &v1alpha1.Assignment{ObjectMeta: metav1.ObjectMeta{Namespace: a.Namespace, Name: a.Name, UID: a.UID}}
		r.Events.Eventf(about, related, "Normal", reason, action, "%s", v1alpha1.Cut(fmt.Sprintf("%s %s %s, version %d", list(by[worker]), done, worker, swarm.Status.Version), longNote))
	}
	return n
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
