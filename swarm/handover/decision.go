package handover

import (
	"maps"
	"slices"
	"strings"

	"teamtask.dev/swarm"
)

// decision is one call of Next.
type decision struct {
	old      Record
	table    swarm.Table
	pool     Pool
	mode     Mode
	revision uint64

	holders map[string]holders // of the workloads that are to be granted
	writing []string
	step    Step
}

// holders are workers that may run a workload: none, one, or, after a time in mode [Available], two or more, of which two
// are enough to know.
type holders [2]string

// other is a holder that is not the worker, or "".
func (h holders) other(worker string) string {
	if h[0] != worker {
		return h[0]
	}
	return h[1]
}

// late are the parts that the head announces and that were not written. Those of incarnations that are gone count as well:
// nobody goes by them, but what is to be written there may be for a successor. Parts that are not there do not count: a part is
// created without grants, so that no harm is done if it appears late.
func (d *decision) late() (names []string) {
	for _, name := range d.old.Writing {
		if p := d.old.Part(name); p != nil && p.Version < d.old.Revision {
			names = append(names, name)
		}
	}
	return names
}

// rewrite gives parts a new version with nothing else new, which makes every earlier write of them fail.
func (d *decision) rewrite(names []string) Step {
	r := Record{Revision: d.revision, Base: d.old.Base, Writing: names, Parts: slices.Clone(d.old.Parts)}
	for _, name := range names {
		r.Part(name).Version = d.revision
	}
	return Step{Record: r, Changed: true}
}

// member is the incarnation of a worker that can be granted something.
func (d *decision) member(worker string) (incarnation string, ok bool) {
	incarnation, ok = d.pool.Members[worker]
	return incarnation, ok && !d.pool.Gone(worker, incarnation)
}

// findHolders finds out who may run what is to be granted.
func (d *decision) findHolders() {
	d.holders = map[string]holders{}
	for _, wanted := range d.table {
		var grants []Grant
		if p := d.old.Part(wanted.Worker); p != nil && !d.pool.Gone(p.Worker, p.Incarnation) {
			grants = p.Grants
		}
		for i, name := 0, ""; i < len(wanted.Workloads); i++ {
			name = wanted.Workloads[i]
			for len(grants) > 0 && grants[0].Workload < name {
				grants = grants[1:]
			}
			if len(grants) == 0 || grants[0].Workload != name {
				d.holders[name] = holders{}
			}
		}
	}
	if len(d.holders) == 0 {
		return
	}
	hold := func(workload, worker string) {
		if h, asked := d.holders[workload]; asked && (h[0] == "" || h[1] == "" && h[0] != worker) {
			if h[0] == "" {
				h[0] = worker
			} else {
				h[1] = worker
			}
			d.holders[workload] = h
		}
	}
	for i := range d.old.Parts {
		p := &d.old.Parts[i]
		if d.pool.Gone(p.Worker, p.Incarnation) {
			continue
		}
		for _, g := range p.Grants {
			hold(g.Workload, p.Worker)
		}
		for _, r := range p.Revoked {
			if r.Version > p.Acknowledged {
				hold(r.Workload, p.Worker)
			}
		}
	}
}

// decide makes the next part of every worker.
func (d *decision) decide() Step {
	names := make([]string, 0, len(d.old.Parts)+len(d.pool.Members))
	for _, p := range d.old.Parts {
		names = append(names, p.Worker)
	}
	names = slices.AppendSeq(names, maps.Keys(d.pool.Members))
	for _, p := range d.table {
		names = append(names, p.Worker)
	}
	slices.Sort(names)
	parts := make([]Part, 0, len(d.old.Parts))
	for _, name := range slices.Compact(names) {
		p := d.old.Part(name)
		if len(d.writing) == MaxWriting {
			if p != nil {
				parts = append(parts, *p)
			}
			continue
		}
		if next, ok := d.next(name, p); ok {
			parts = append(parts, next)
		}
	}
	d.step.Changed = d.step.Changed || len(d.writing) > 0
	d.step.Record = d.old
	if d.step.Changed {
		d.step.Record = Record{Revision: d.revision, Base: d.old.Base, Writing: d.writing, Parts: parts}
	}
	byWorkload := func(a, b Change) int { return strings.Compare(a.Workload, b.Workload) }
	slices.SortFunc(d.step.Granted, byWorkload)
	slices.SortFunc(d.step.Revoked, byWorkload)
	slices.SortFunc(d.step.Blocked, func(a, b Block) int { return strings.Compare(a.Workload, b.Workload) })
	return d.step
}

// next is the next part of a worker, if it is to have one.
func (d *decision) next(worker string, p *Part) (Part, bool) {
	incarnation, member := d.member(worker)
	wanted := d.table.Of(worker)
	if p == nil {
		for _, name := range wanted {
			d.block(name, worker)
		}
		if !member {
			return Part{}, false
		}
		d.writing = append(d.writing, worker)
		return Part{Worker: worker, Incarnation: incarnation, Version: d.revision}, true // without grants: see late
	}
	next, changed := *p, false
	if d.pool.Gone(worker, p.Incarnation) {
		if !member {
			for _, name := range wanted {
				d.block(name, worker)
			}
			d.step.Changed = true
			return Part{}, false
		}
		next, changed = Part{Worker: worker, Incarnation: incarnation}, true
	}
	pending := next.Pending()
	ready := member && next.Incarnation == incarnation && len(pending)+leaving(next.Grants, wanted) < MaxRevoked

	var grants []Grant
	had := next.Grants
	revoke := func(until string, all bool) {
		for len(had) > 0 && (all || had[0].Workload < until) {
			pending = append(pending, Revocation{had[0], d.revision})
			d.step.Revoked = append(d.step.Revoked, Change{had[0].Workload, worker, had[0].Epoch})
			had, changed = had[1:], true
		}
	}
	for _, name := range wanted {
		revoke(name, false)
		switch {
		case len(had) > 0 && had[0].Workload == name:
			grants = append(grants, had[0])
			had = had[1:]
		case ready && d.free(name, worker):
			grants = append(grants, Grant{name, d.epoch()})
			pending = slices.DeleteFunc(pending, func(r Revocation) bool { return r.Workload == name }) // granted anew
			d.holders[name] = holders{worker}
			d.step.Granted = append(d.step.Granted, Change{name, worker, d.epoch()})
			changed = true
		default:
			d.block(name, worker)
		}
	}
	revoke("", true)
	if !changed {
		return *p, true
	}
	slices.SortFunc(pending, func(a, b Revocation) int { return strings.Compare(a.Workload, b.Workload) })
	next.Grants, next.Revoked, next.Version = grants, pending, d.revision
	d.writing = append(d.writing, worker)
	return next, true
}

// leaving counts the grants that are not wanted any more. Both are in order.
func leaving(had []Grant, wanted []string) (n int) {
	for _, g := range had {
		for len(wanted) > 0 && wanted[0] < g.Workload {
			wanted = wanted[1:]
		}
		if len(wanted) == 0 || wanted[0] != g.Workload {
			n++
		}
	}
	return n
}

// epoch is that of what this decision grants.
func (d *decision) epoch() uint64 { return d.old.Base + d.revision }

// free tells whether a workload may be granted to a worker.
func (d *decision) free(workload, worker string) bool {
	return d.mode == Available || d.holders[workload].other(worker) == ""
}

// block reports that a workload is not granted yet.
func (d *decision) block(workload, worker string) {
	b := Block{Workload: workload, Worker: worker}
	if !d.free(workload, worker) {
		b.By = d.holders[workload].other(worker)
	}
	d.step.Blocked = append(d.step.Blocked, b)
}
