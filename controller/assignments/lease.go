package assignments

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

const (
	// brief is how long a worker may take to acknowledge before its status says so: most take less, and are spared two writes.
	brief = 2 * time.Second
	// most is how often the time doubles that a worker has before its pod is restarted.
	most = 5
)

// keepLease sees to a worker that says itself what it runs, for as long as it is heard of.
func (d *decision) keepLease() {
	if d.Status.Incarnation == "" {
		switch d.Status.Phase() {
		case v1alpha1.AssignmentPending, v1alpha1.AssignmentGone:
		default:
			at := d.Now
			if d.Swarm.Pool == nil { // nothing brings it back: nobody needs to have patience
				at = metav1.Unix(0, 0)
			}
			d.Status.SetPhase(v1alpha1.AssignmentGone, "its worker has left, and runs nothing", at)
		}
		return
	}
	// A tenth more, as the worker's clock may be slower by as much.
	longest := d.lease() + d.lease()/10
	switch {
	case d.Home != "" && d.Pod == nil:
		d.gone("its pod is gone")
	case d.Home != "" && d.Pod.UID != d.Home:
		d.gone("its pod is gone; there is another one of its name")
	case d.Silent >= longest:
		d.gone(fmt.Sprintf("its worker was not heard of for %s", longest))
	default:
		d.wake(longest - d.Silent)
		d.heard()
	}
}

// gone takes the incarnation off the status.
func (d *decision) gone(why string) {
	d.Gone, d.Status.Incarnation, d.Status.Trouble = why, "", ""
	d.stand(v1alpha1.AssignmentGone, why+", and runs nothing")
}

// heard sees to a worker that has its lease.
func (d *decision) heard() {
	behind := behind(d.Assignment)
	if behind && d.Pod != nil && d.Pod.Own && !d.Pod.Leaving {
		// Each time it has twice as long: a program that never acknowledges is not restarted for ever at the same pace.
		if left := d.timeout()<<min(d.Restarts, most) - d.Behind; left > 0 {
			d.wake(left)
		} else {
			d.Restart = fmt.Sprintf("its worker has not acknowledged version %d in time", d.Assignment.Spec.Version)
		}
	}
	phase := d.Status.Phase()
	silent := d.lease() * 2 / 3
	switch {
	case d.Silent >= silent:
		d.stand(v1alpha1.AssignmentSilent, "its worker has not renewed its lease for some time; it stops everything by itself before the lease runs out")
		return
	case behind && d.Status.Trouble != "":
		d.stand(v1alpha1.AssignmentFailing, fmt.Sprintf("its worker could not apply version %d of its part, and tries again: %s", d.Assignment.Spec.Version, d.Status.Trouble))
	case d.drains():
		d.stand(v1alpha1.AssignmentDraining, draining)
	case d.Assignment.Spec.Incarnation != d.Status.Incarnation:
		d.stand(v1alpha1.AssignmentPending, "its worker has just joined, and runs nothing yet")
	case !behind:
		d.current()
	case d.Behind >= brief || phase != v1alpha1.AssignmentCurrent:
		d.stand(v1alpha1.AssignmentBehind, "its worker has not acknowledged its latest part yet")
	default:
		d.wake(brief - d.Behind)
	}
	d.wake(silent - d.Silent)
}

// behind tells whether a worker has yet to acknowledge its part.
func behind(a *v1alpha1.Assignment) bool {
	return a.Spec.Incarnation != "" && a.Spec.Incarnation == a.Status.Incarnation && a.Status.Version < a.Spec.Version
}
