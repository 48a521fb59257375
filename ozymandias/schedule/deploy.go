package schedule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/rollout"
)

// advance says which of a job's instances are to run, at which revisions.
func (d *decider) advance(t *task) {
	if t.Deleted {
		return
	}
	if t.Deploy == nil || t.Deploy.To != t.Revision {
		d.begin(t)
	}
	d.noteEnds(t)
	t.ids = d.ids(t)
	if d.end {
		t.run = make(map[string]int64, len(t.ids))
		for _, id := range t.ids {
			t.run[id] = cmp.Or(d.kept[Instance{t.UID, id}].revision, t.Target())
		}
		return
	}
	step := d.step(t)
	if d.judge(t, step) {
		d.noteEnds(t)
		t.ids = d.ids(t)
		step = d.step(t)
	}
	if t.run, t.waiting = step.Run, step.OnTheWay; d.trial[t.UID] {
		d.try(t)
	}
}

// begin starts a deploy. What ended at an earlier revision is wanted again.
func (d *decider) begin(t *task) {
	if t.Deploy != nil {
		t.Over, t.Ended = t.Over || t.ranToEnd(t.Stable), nil // what ended on the way back did not keep it from that
		d.tell(t, "", "deploying revision %d of %s", t.Revision, t.Spec.Name)
	}
	t.Deploy = &Deploy{From: t.Stable, To: t.Revision}
	d.progress(t)
}

// Steps are the versions of the decisions by which the deploys of jobs last came forward, by UID: something more was up then, or was given
// a place at the new revision. The time that a deploy may take until it does so again is counted by whoever decides, from when it
// first sees that step ([Job.Waited]), as no two machines' clocks show the same.
func (s *State) Steps() map[string]int64 {
	steps := make(map[string]int64, len(s.Jobs))
	to := make(map[string]int64, len(s.Jobs))
	for _, j := range s.Jobs {
		if j.Deploy != nil {
			steps[j.UID], to[j.UID] = j.Deploy.Step, j.Deploy.To
		}
	}
	for i := range s.Nodes {
		for _, p := range s.Nodes[i].Plan.Instances {
			if p.Revision == to[p.Job] {
				steps[p.Job] = max(steps[p.Job], p.Epoch)
			}
		}
	}
	return steps
}

// progress notes that a deploy has come forward.
func (d *decider) progress(t *task) {
	t.Deploy.Progress, t.Deploy.Step, t.Waited, t.changed = d.now, d.Version+1, 0, true
}

// underWay tells whether a deploy may still succeed or fail.
func (j *Job) underWay() bool {
	return j.Deploy != nil && j.Deploy.Failed == "" && j.Deploy.To == j.Revision && j.Stable != j.Revision
}

// Reverts tells whether a job goes back to its last stable revision, or has gone, as a deploy failed.
func (j *Job) Reverts() bool {
	u := j.Spec.Update
	return j.Deploy != nil && j.Deploy.Failed != "" && j.Stable != j.Revision && j.At(j.Stable) != nil && !j.Over && (u.Rollback == nil || *u.Rollback)
}

// Halted tells whether a deploy failed and does not go back: it waits for a person.
func (j *Job) Halted() bool {
	return j.Deploy != nil && j.Deploy.Failed != "" && j.Stable != j.Revision && !j.Reverts()
}

// Target is the revision that all instances are to run in the end.
func (j *Job) Target() int64 {
	if j.Reverts() {
		return j.Stable
	}
	return j.Revision
}

// remaining is how long a deploy may still take until it comes forward.
func (j *Job) remaining() time.Duration { return time.Duration(j.Spec.Update.HealthyWithin) - j.Waited }

// noteEnds remembers what ran to its end, so that it is not started again. Where a job goes back, what ended at other revisions is wanted again:
// it may have been halted there until now.
func (d *decider) noteEnds(t *task) {
	if t.Reverts() {
		there := maps.Clone(t.Ended)
		maps.DeleteFunc(there, func(_ string, e End) bool { return !e.at(t.Stable) })
		if len(there) < len(t.Ended) {
			t.Ended, t.changed = there, true
		}
	}
	target, halted := t.Target(), t.Halted()
	for _, i := range d.of[t.UID] {
		at := d.where[i]
		if at.Planned.Revision != target && !halted {
			continue
		}
		end, ended := at.end()
		if _, known := t.Ended[i.ID]; ended && !known {
			t.Ended = maps.Clone(t.Ended)
			if t.Ended == nil {
				t.Ended = map[string]End{}
			}
			t.Ended[i.ID], t.changed = end, true
			t.Over = t.Over || at.Planned.Revision == t.Stable && end.Outcome == Complete && !t.Reverts() // on its way back it goes all the way
		}
	}
}

// ranToEnd tells whether one of those that ended at a revision did so well.
func (j *Job) ranToEnd(revision int64) bool {
	for _, e := range j.Ended {
		if e.Outcome == Complete && e.at(revision) {
			return true
		}
	}
	return false
}

// ids are the instances of a job that are to be there, whether there is room or not.
func (d *decider) ids(t *task) []string {
	return slices.DeleteFunc(d.all(t), func(id string) bool { _, ended := t.Ended[id]; return ended })
}

// passed tells whether one of those that there are to be has ended at another revision than the job's: it never ran that.
func (d *decider) passed(t *task) bool {
	return slices.ContainsFunc(d.all(t), func(id string) bool { e, ended := t.Ended[id]; return ended && !e.at(t.Revision) })
}

// all are the ids, and those that ended.
func (d *decider) all(t *task) (ids []string) {
	if t.Spec.Daemon {
		for i := range d.Nodes {
			if n := &d.Nodes[i]; d.eligible(t, n) {
				ids = append(ids, n.Name)
			}
		}
	} else {
		ids = ordinals(0, d.number(t))
	}
	return ids
}

// eligible tells whether a daemon is to run on a node. On one that is draining it goes last.
func (d *decider) eligible(t *task, n *Node) bool {
	if !placement.Meets(n.Labels, t.Spec.Placement.Requires) {
		return false
	}
	if !n.Draining || !n.Alive() {
		return n.Alive()
	}
	if _, here := d.where[Instance{t.UID, n.Name}]; !here || d.end {
		return false
	}
	others := func(i Instance) bool { j := d.Job(i.Job); return j != nil && !j.Spec.Daemon }
	return slices.ContainsFunc(n.Plan.Instances, func(p Planned) bool { return others(p.Instance) }) ||
		slices.ContainsFunc(d.held[n.Name], func(l Leaving) bool { return others(l.Instance) })
}

// maxInstances is the most that a job may ask for, whatever work there is.
const maxInstances = 10_000

// number is how many instances a job is to have that is no daemon.
func (d *decider) number(t *task) int {
	most := t.Spec.Instances()
	if t.Spec.Unbounded() {
		most = maxInstances
	}
	switch {
	case t.Spec.Worklist == "":
		return most
	case t.Finished:
		return 0
	case t.Work == nil:
		return min(d.reach(t), most)
	case t.Spec.Unbounded():
		// There may be work for more than will ever have room. What has a place, or had one on a node that is lost, keeps its claim to it.
		most = min(most, max(d.capacity(&t.Spec), d.reach(t)))
	}
	return max(0, min(*t.Work, most))
}

// reach is how many instances of a job there are up to the last that is planned anywhere.
func (d *decider) reach(t *task) (n int) {
	there := func(i Instance) {
		if ordinal, err := strconv.Atoi(i.ID); err == nil {
			n = max(n, ordinal+1)
		}
	}
	for _, i := range d.of[t.UID] {
		there(i)
	}
	for i := range d.lost {
		if i.Job == t.UID {
			there(i)
		}
	}
	return n
}

// Extra tells whether an instance is there only for as long as a deploy goes on: it is beyond those that there are to be.
func (j *Job) Extra(id string) bool {
	ordinal, err := strconv.Atoi(id)
	if err != nil || j.Spec.Daemon {
		return false
	}
	return !j.Spec.Unbounded() && ordinal >= j.Spec.Instances() || j.Work != nil && ordinal >= *j.Work
}

// capacity is how many instances of a job all nodes could have if they had nothing else.
func (d *decider) capacity(spec *job.Job) (n int) {
	needs := spec.Needs()
	for i := range d.Nodes {
		if !d.Nodes[i].Alive() {
			continue
		}
		has := d.Nodes[i].Capacity
		here := int64(maxInstances)
		for _, of := range [][2]int64{{has.Memory, int64(needs.Memory)}, {has.CPU, int64(needs.CPUs)}, {has.Disk, int64(needs.Local)}} {
			if of[1] > 0 {
				here = min(here, of[0]/of[1])
			}
		}
		n += int(here)
	}
	return n
}

func ordinals(from, to int) (ids []string) {
	for i := from; i < to; i++ {
		ids = append(ids, strconv.Itoa(i))
	}
	return ids
}

// step asks package rollout.
func (d *decider) step(t *task) rollout.Step {
	s := rollout.Situation{Wanted: t.ids, Target: t.Target(), Update: t.Spec.Update, Known: t.known(), Instances: map[string]rollout.Instance{}, NoPlace: map[string]bool{}, Kept: map[string]bool{}}
	s.Halted = t.Halted()
	if !t.Spec.Daemon && t.Stable != t.Revision {
		n := d.number(t)
		for _, id := range ordinals(n, n+min(n, t.Spec.Update.MaxSurge)) {
			if _, ended := t.Ended[id]; !ended {
				s.Extra = append(s.Extra, id)
			}
		}
	}
	for _, id := range slices.Concat(s.Wanted, s.Extra) {
		i := Instance{t.UID, id}
		if at, ok := d.where[i]; ok && !d.mustStop[i] {
			s.Instances[id] = rollout.Instance{Revision: at.Planned.Revision, Healthy: at.now.Healthy, Settled: at.now.Settled}
		}
		s.NoPlace[id] = d.nowhere[i]
		_, s.Kept[id] = d.kept[i]
	}
	return rollout.Next(s)
}

// judge says how a deploy goes, and tells whether that has just failed, so that the job turns back or halts.
func (d *decider) judge(t *task, step rollout.Step) (failed bool) {
	if step.Done && t.Target() == t.Revision && t.Stable != t.Revision && !d.passed(t) {
		if t.Stable != 0 {
			d.tell(t, "", "revision %d of %s is up", t.Revision, t.Spec.Name)
		}
		t.Stable, t.Deploy.Failed, t.Deploy.Healthy, t.changed = t.Revision, "", step.Up, true
		t.Over = t.ranToEnd(t.Revision)
		return false
	}
	if !t.underWay() {
		return false
	}
	if step.Up > t.Deploy.Healthy || step.OnTheWay && t.Deploy.Resting { // what was up and is not any more has its whole time, too
		t.Deploy.Healthy = max(t.Deploy.Healthy, step.Up)
		d.progress(t)
	}
	why := d.failure(t, step)
	if why == "" {
		return false
	}
	t.Deploy.Failed, t.changed = why, true
	if !t.Reverts() {
		d.tell(t, "", "deploying revision %d of %s failed: %s", t.Revision, t.Spec.Name, why)
		return true
	}
	t.Ended = nil
	d.tell(t, "", "deploying revision %d of %s failed: %s; going back to revision %d", t.Revision, t.Spec.Name, why, t.Stable)
	return true
}

// failure is why a deploy has failed, or "". As long as nothing is on its way, because there is no room, time does not count.
func (d *decider) failure(t *task, step rollout.Step) string {
	for _, id := range slices.Sorted(maps.Keys(t.Ended)) {
		if t.Ended[id].Outcome == Failed {
			return t.name(id) + " has used up its tries"
		}
	}
	if step.OnTheWay && t.remaining() <= 0 {
		return fmt.Sprintf("%d of %d came up, and no more within %s", t.Deploy.Healthy, len(t.ids), t.Spec.Update.HealthyWithin)
	}
	return ""
}

// known is the revision that is known to work, and may be started for want of proof that the new one does; 0 if there is none. What runs to its end
// does that once for a revision.
func (j *Job) known() int64 {
	if spec := j.At(j.Stable); spec == nil || !spec.Lasts() {
		return 0
	}
	return j.Stable
}

// runs is what an instance runs at a revision. One that is not known any more is taken to need what the present one does.
func (t *task) runs(revision int64) *job.Job {
	if spec := t.At(revision); spec != nil {
		return spec
	}
	return &t.Spec
}
