package worklists

import "teamtask.dev/api/v1alpha1"

// note says what has become of the list.
func (d *decision) note(before v1alpha1.Phase) {
	now := d.Status.Phase()
	if now == before {
		return
	}
	reason := d.Status.Reason()
	switch now {
	case v1alpha1.PhaseActive:
		switch before {
		case v1alpha1.PhaseSuspended:
			d.event(false, "Resumed", nil, "blocks are handed out again")
		case "", v1alpha1.PhaseWaiting, v1alpha1.PhaseInvalid:
			d.event(false, "Started", nil, "%d items are handed out", d.Status.Size)
		default:
			d.event(false, "Reopened", nil, "the list goes on")
		}
	case v1alpha1.PhaseSuspended:
		d.event(false, "Suspended", nil, "nothing is handed out; what is out may be finished")
	case v1alpha1.PhaseWaiting:
		d.event(false, "Waiting", nil, "%s", reason)
	case v1alpha1.PhaseComplete:
		d.event(false, "Completed", nil, "%s", reason)
	default:
		d.event(true, string(now), nil, "%s", reason)
	}
}
