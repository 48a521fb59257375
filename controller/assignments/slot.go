package assignments

import (
	"fmt"
	"slices"
	"time"

	"teamtask.dev/api/v1alpha1"
)

// ask is how often a pod is asked which version it runs.
const ask = time.Second

// longestIdle is how many bytes of a message say why a pod does not run. What a kubelet or a scheduler says may be far longer, and the
// acknowledgement of the slot is in the same write.
const longestIdle = 512

// keepSlot acknowledges for a worker that knows nothing of us. The package's comment says why that may be done.
func (d *decision) keepSlot(slot string) {
	was, s := &d.Assignment.Status, &d.Status
	if s.Incarnation != slot {
		s.Incarnation, s.Version = slot, 0 // what an agent said that was here before does not hold for the slot
	}
	entry := d.Published.Of(d.Assignment.Spec.Worker)
	if entry != nil && entry.Version < was.Published {
		// Versions only grow: it is another Swarm's ConfigMap, or somebody has written it. What was read before counts for nothing.
		was = was.DeepCopy()
		was.Published, was.Reads, s.Reads = 0, 0, 0
	}
	switch {
	case d.Pod == nil:
		s.Pod, s.Reads = "", 0
	case string(d.Pod.UID) != s.Pod:
		s.Pod, s.Reads = string(d.Pod.UID), was.Published
	}
	if entry != nil {
		s.Published = entry.Version
	}
	if a := d.Answer; a != nil && a.Trouble == "" && entry != nil && a.Version <= d.Published.Version {
		s.Reads = max(s.Reads, min(a.Version, entry.Version)) // whoever has read the whole at a version has read all entries up to it
	}
	if d.acknowledges(entry) {
		s.Version = d.Assignment.Spec.Version
	} else if d.hasPart(entry) && d.Pod.Own && !d.Pod.Leaving {
		d.refresh(entry)
	}
	d.tell(entry)
}

// acknowledges tells whether the slot runs nothing but its part, and will run nothing else.
func (d *decision) acknowledges(entry *v1alpha1.PublishedPart) bool {
	switch {
	case entry == nil:
		return d.idle()
	case !d.hasPart(entry):
		return false
	default:
		return d.Pod == nil || d.idle() || d.Status.Reads >= entry.Version
	}
}

// hasPart tells whether the ConfigMap has the Assignment's workloads, and will not have older ones again. For that the whole of it
// must be as new as the part: then a writer that began before, and comes late, gets a conflict.
func (d *decision) hasPart(entry *v1alpha1.PublishedPart) bool {
	if entry == nil || d.Published.Version < d.Assignment.Spec.Version {
		return false
	}
	names := make([]string, 0, len(d.Assignment.Spec.Workloads))
	for _, g := range d.Assignment.Spec.Workloads {
		names = append(names, g.Name)
	}
	return slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(entry.Jobs)))
}

// idle tells whether there is nothing that the slot might run: it has nothing, and has let go of what it had.
func (d *decision) idle() bool {
	return len(d.Assignment.Spec.Workloads) == 0 &&
		!slices.ContainsFunc(d.Assignment.Spec.Revoked, func(r v1alpha1.Revocation) bool { return r.Version > d.Status.Version })
}

// refresh has the pod read its entry.
func (d *decision) refresh(entry *v1alpha1.PublishedPart) {
	if d.Swarm.Refresh == v1alpha1.RefreshRestart {
		d.Restart = fmt.Sprintf("its part has changed: it reads version %d when it starts anew", entry.Version)
		return
	}
	left := d.timeout() - d.Behind
	if left <= 0 {
		d.Restart = fmt.Sprintf("it has not said in time that it runs version %d: %s", entry.Version, d.trouble())
		return
	}
	d.Ask = d.Answer == nil && d.Pod.Address != ""
	d.Touch = fmt.Sprint(entry.Version)
	if left < d.timeout()/2 {
		d.Touch += " again" // the kubelet may have looked before it heard of the change
	}
	if d.Touch == d.Pod.Touched {
		d.Touch = ""
	}
	d.wake(min(ask, left))
}

// trouble is why the pod's answer was not the one that is waited for.
func (d *decision) trouble() string {
	switch a := d.Answer; {
	case a == nil:
		return "it cannot be asked, as it has no address"
	case a.Trouble != "":
		return a.Trouble
	case a.Version > d.Published.Version:
		return fmt.Sprintf("it says %d, which was not published yet", a.Version)
	default:
		return fmt.Sprintf("it says %d", a.Version)
	}
}

// tell says where the slot stands.
func (d *decision) tell(entry *v1alpha1.PublishedPart) {
	spec, before := &d.Assignment.Spec, &d.Assignment.Status
	switch {
	case d.Pod == nil && before.Pod == "" && before.Phase() != v1alpha1.AssignmentGone:
		d.stand(v1alpha1.AssignmentPending, "its pod is not there yet")
	case d.Pod == nil:
		d.stand(v1alpha1.AssignmentGone, "its pod is gone; the next one reads its part when it starts")
	case d.drains():
		d.stand(v1alpha1.AssignmentDraining, draining)
	case d.Status.Version >= spec.Version && d.Pod.Idle != "":
		d.stand(v1alpha1.AssignmentIdle, v1alpha1.Cut("its pod does not run: "+d.Pod.Idle, longestIdle))
	case d.Status.Version >= spec.Version:
		d.current()
	case !d.hasPart(entry):
		d.stand(v1alpha1.AssignmentBehind, fmt.Sprintf("ConfigMap %s does not have its latest part yet", d.Swarm.ConfigMap))
	case !d.Pod.Own:
		d.stand(v1alpha1.AssignmentBehind, fmt.Sprintf("its pod was not made by %s %s, and may run its former part: delete it", d.Swarm.Pool.Kind, d.Swarm.Pool.Name))
	case d.Pod.Leaving:
		d.stand(v1alpha1.AssignmentBehind, "its pod is about to end, and may run its former part until then")
	case d.Swarm.Refresh == v1alpha1.RefreshRestart:
		d.stand(v1alpha1.AssignmentBehind, "its pod may have read its former part only: it is restarted")
	default:
		d.stand(v1alpha1.AssignmentBehind, "its pod has not said yet that it runs its latest part: "+d.trouble())
	}
}
