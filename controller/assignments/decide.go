package assignments

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	"teamtask.dev/api/v1alpha1"
)

// decision is a plan in the making.
type decision struct {
	Situation
	Plan
}

// Decide says what is to be done. The same situation gives the same plan.
func Decide(s Situation) Plan {
	d := &decision{Situation: s}
	d.Status = *s.Assignment.Status.DeepCopy()
	slot := string(s.Assignment.UID)
	if in := d.Status.Incarnation; watches(s.Swarm) || in != "" && in != slot {
		// An agent that has joined a Swarm that is not for agents keeps its lease, and the slot has to wait for it to be gone.
		d.keepLease()
	} else {
		d.keepSlot(slot)
	}
	d.Write = !equality.Semantic.DeepEqual(d.Status, s.Assignment.Status)
	if d.Write {
		d.Restart = "" // it goes by what is durable
	}
	return d.Plan
}

// stand says where the worker stands.
func (d *decision) stand(phase, message string) { d.Status.SetPhase(phase, message, d.Now) }

// wake has the Assignment looked at again after some time at the latest.
func (d *decision) wake(after time.Duration) {
	if after > 0 && (d.Again == 0 || after < d.Again) {
		d.Again = after
	}
}

// current says that the worker runs what is wanted.
func (d *decision) current() {
	if d.drains() {
		d.stand(v1alpha1.AssignmentDraining, draining)
		return
	}
	d.stand(v1alpha1.AssignmentCurrent, "its worker runs what is wanted")
}

// drains tells whether everything is taken from the worker, as it is about to go or its Assignment is being deleted.
func (d *decision) drains() bool {
	a := d.Assignment
	return a.Spec.Draining || a.Status.Draining || !a.DeletionTimestamp.IsZero()
}

const draining = "its worker is about to go: everything moves away"
