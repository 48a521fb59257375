package plan

import (
	"fmt"
	"slices"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm"
	"teamtask.dev/swarm/handover"
)

// MaxGrants is how many workloads one worker can have, as the schema of Assignments says.
const MaxGrants = 8192

// maxSize is how many bytes they may be, of the 1.5 MiB that etcd takes: revocations need room as well.
const maxSize = 1 << 20

// decision is one call of Decide.
type decision struct {
	Situation
	hold bool // nothing moves

	present map[string]string // the incarnations, of those workers that have one
	counted map[string]bool   // the workers that are shared among; true: it is there
	result  swarm.Result
	step    handover.Step
}

// Decide brings a Swarm one step further. Its steps follow each other until one changes nothing; then only news or time
// change something again. It changes nothing that it is given, but what it decides may share memory with it.
func Decide(s Situation) Decision {
	d := &decision{Situation: s, present: map[string]string{}, counted: map[string]bool{}}
	d.count()
	d.begin()
	d.raise()
	d.Record.Parts = slices.DeleteFunc(slices.Clone(d.Record.Parts), d.blank)
	d.assign()
	d.step = handover.Next(d.Record, d.result.Table, d.pool(), mode(s.Spec.Handover.Mode))
	out := Decision{Step: d.step, Result: d.result, Loads: d.loads(), Wake: d.wake()}
	out.Status, out.News = d.status()
	return out
}

func mode(m v1alpha1.HandoverMode) handover.Mode {
	if m == v1alpha1.HandoverAvailable {
		return handover.Available
	}
	return handover.Safe
}

// begin says what the epochs of a new record count from: the milliseconds since 1970 of when its Swarm was made. So they are greater than
// those of a Swarm of that name that was deleted, as long as that took less than a thousand decisions in each second of its life: a
// target that remembers the old ones takes the new. It is kept, and so stays as it is if the Swarm is moved to where it is made anew; a
// record that was begun without it, or has lost it, goes on with greater epochs.
func (d *decision) begin() {
	if made := d.Created.UnixMilli(); d.Record.Base == 0 && made > 0 {
		d.Record.Base = uint64(made)
	}
}

// raise has the record count on from the greatest number that is in it: where the head was lost, say as a backup did not have it,
// epochs and versions would not grow otherwise.
func (d *decision) raise() {
	for i := range d.Record.Parts {
		d.Record.Revision = max(d.Record.Revision, d.Record.Parts[i].Version)
	}
}

// blank tells that a part says nothing, that nobody is there to be told something, and that nothing is on its way to it: a part that
// the head announces has to be written first, so that the late write of whoever announced it is refused.
func (d *decision) blank(p handover.Part) bool {
	late := p.Version < d.Record.Revision && slices.Contains(d.Record.Writing, p.Worker)
	return p.Incarnation == "" && len(p.Grants)+len(p.Revoked) == 0 && (d.Deleted || !d.counted[p.Worker]) && !late
}

// assign makes the table that is aimed at.
func (d *decision) assign() {
	switch {
	case d.Deleted:
		return
	case d.Trouble == "" && !d.Spec.Suspend:
		err := d.share()
		if err == nil {
			return
		}
		d.Trouble = err.Error()
	}
	d.hold = true
	d.count()
	d.result = swarm.Result{Table: d.kept()}
}

// share has the workloads shared out.
func (d *decision) share() error {
	var workers []swarm.Worker
	for _, w := range d.Workers {
		if _, ok := d.counted[w.Name]; ok {
			workers = append(workers, swarm.Worker{Name: w.Name, Labels: w.Labels, Capacity: d.Spec.Capacity, Draining: w.Draining})
		}
	}
	result, err := swarm.Assign(d.granted(), d.Workloads, workers)
	if err != nil { // perhaps of a workload that has two owners for now: looking for these takes its time, and is hardly ever needed
		result, err = swarm.Assign(d.single(d.granted()), d.Workloads, workers)
	}
	if err != nil {
		return err
	}
	for _, p := range result.Table {
		if n := len(p.Workloads); n > MaxGrants || size(p.Workloads) > maxSize {
			return fmt.Errorf("worker %q would have %d workloads, of %d in all, and one can have %d, or 1 MiB with their names: add workers, or have each workload stand for several",
				p.Worker, n, len(d.Workloads), MaxGrants)
		}
	}
	d.result = result
	return nil
}

// size is about how many bytes workloads are in an object.
func size(names []string) (bytes int) {
	const each = len(`{"name":"","epoch":1000000000000},`)
	for _, name := range names {
		bytes += each + len(name)
	}
	return bytes
}

// granted is who has what, of the workers that count.
func (d *decision) granted() (t swarm.Table) {
	for i := range d.Record.Parts {
		p := &d.Record.Parts[i]
		if _, ok := d.counted[p.Worker]; !ok || len(p.Grants) == 0 {
			continue
		}
		names := make([]string, len(p.Grants))
		for at, g := range p.Grants {
			names[at] = g.Workload
		}
		t = append(t, swarm.Part{Worker: p.Worker, Workloads: names})
	}
	return t
}

// single leaves of workloads that several workers have each to the last that it was granted to. That there are several comes
// about in mode Available, and where a part is left of a worker that is gone.
func (d *decision) single(t swarm.Table) swarm.Table {
	last := map[string]uint64{}
	for i := range t {
		for _, g := range d.Record.Part(t[i].Worker).Grants {
			last[g.Workload] = max(last[g.Workload], g.Epoch)
		}
	}
	for i := range t {
		grants := d.Record.Part(t[i].Worker).Grants
		var names []string
		for _, g := range grants {
			if last[g.Workload] == g.Epoch {
				names = append(names, g.Workload)
				last[g.Workload] = 0 // once, should both have been granted it at a time
			}
		}
		t[i].Workloads = names
	}
	return t
}

// kept is the table where nothing moves. What is no longer wanted goes, if it is known what that is.
func (d *decision) kept() swarm.Table {
	t := d.single(d.granted())
	if d.Trouble != "" {
		return t
	}
	wanted := make(map[string]bool, len(d.Workloads))
	for i := range d.Workloads {
		wanted[d.Workloads[i].Name] = true
	}
	for i := range t {
		t[i].Workloads = slices.DeleteFunc(t[i].Workloads, func(name string) bool { return !wanted[name] })
	}
	return t
}

// loads sums up the weights of the parts that are written.
func (d *decision) loads() map[string]int64 {
	writing := d.step.Record.Writing
	if !d.step.Changed || d.Trouble != "" {
		return nil
	}
	equal := !slices.ContainsFunc(d.Workloads, func(w swarm.Workload) bool { return w.Weight > 1 })
	var weights map[string]int64
	if !equal {
		weights = make(map[string]int64, len(d.Workloads))
		for _, w := range d.Workloads {
			weights[w.Name] = max(1, w.Weight)
		}
	}
	loads := make(map[string]int64, len(writing))
	for _, name := range writing {
		p := d.step.Record.Part(name)
		loads[name] = int64(len(p.Grants))
		if equal {
			continue
		}
		loads[name] = 0
		for _, g := range p.Grants {
			loads[name] += max(1, weights[g.Workload]) // one that is about to be revoked may not be known any more
		}
	}
	return loads
}
