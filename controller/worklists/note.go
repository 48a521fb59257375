package worklists

import (
	"fmt"

	"teamtask.dev/api/v1alpha1"
)

// longNote is what the API server takes as the text of an event, in bytes.
const longNote = 1024

func (d *decision) event(warning bool, reason, format string, args ...any) {
	d.Events = append(d.Events, Event{warning, reason, v1alpha1.Cut(fmt.Sprintf(format, args...), longNote)})
}

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
			d.event(false, "Resumed", "blocks are handed out again")
		case "", v1alpha1.PhaseWaiting, v1alpha1.PhaseInvalid:
			d.event(false, "Started", "%d items are handed out", d.Status.Size)
		default:
			d.event(false, "Reopened", "the list goes on")
		}
	case v1alpha1.PhaseSuspended:
		d.event(false, "Suspended", "nothing is handed out; what is out may be finished")
	case v1alpha1.PhaseWaiting:
		d.event(false, "Waiting", "%s", reason)
	case v1alpha1.PhaseComplete:
		d.event(false, "Completed", "%s", reason)
	default:
		d.event(true, string(now), "%s", reason)
	}
}
