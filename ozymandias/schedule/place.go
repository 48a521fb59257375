package schedule

import (
	"fmt"
	"maps"
	"slices"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
)

// place finds a node for everything that is to run. What a deploy adds for a while comes last, and nothing is moved for it.
func (d *decider) place() error {
	d.gather()
	var regular, extra []*want
	byTask := map[*task][]*want{}
	for _, w := range d.wants {
		d.tie(w)
		byTask[w.task] = append(byTask[w.task], w)
		if w.extra && w.home == nil {
			extra = append(extra, w)
		} else {
			regular = append(regular, w)
		}
	}
	for _, t := range d.tasks {
		d.store(t, byTask[t])
	}
	d.avoid()
	if err := d.solve(regular); err != nil {
		return err
	}
	if len(extra) == 0 {
		return nil
	}
	all := slices.Clone(extra)
	for _, w := range regular {
		if w.at != "" {
			w.from, w.stays, w.done = w.at, true, true
			all = append(all, w)
		}
	}
	return d.solve(all)
}

// problem is what placement is asked.
func (d *decider) problem(wants []*want) placement.Problem {
	var p placement.Problem
	planned := map[string]placement.Resources{}
	counted := map[string]map[Instance]*job.Job{}
	for _, w := range wants {
		if w.refused != "" {
			continue
		}
		in := d.instance(w)
		p.Instances = append(p.Instances, in)
		planned[w.from] = add(planned[w.from], d.granted(w, in.Needs))
		for _, name := range append(slices.Clone(in.Tied), w.from) {
			if counted[name] == nil {
				counted[name] = map[Instance]*job.Job{}
			}
			if name == w.from || len(w.tied) > 0 || w.sticks != "" {
				counted[name][w.Instance] = w.spec
			}
		}
	}
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if !n.Alive() {
			continue
		}
		p.Nodes = append(p.Nodes, placement.Node{Name: n.Name, Labels: n.Labels, Draining: n.Draining, Closed: n.unfit(),
			Capacity: room(n.Capacity, planned[n.Name], d.taken(n, counted[n.Name]))})
	}
	return p
}

// taken is the room on a node that is not to be had though nothing that is planned has it: what is leaving, volumes that nobody
// there counts, and what they have beyond what is counted: since they were larger, or because their job has them no more.
func (d *decider) taken(n *Node, counted map[Instance]*job.Job) (r placement.Resources) {
	for _, l := range d.held[n.Name] {
		if spec := d.Spec(l.Job, l.Revision); spec != nil {
			needs := spec.Needs()
			r.Memory += int64(needs.Memory)
			r.CPU += int64(needs.CPUs)
		}
	}
	for _, v := range n.Volumes {
		if spec := counted[v.Instance]; spec != nil {
			r.Disk += max(0, v.Space-int64(spec.Volumes()[v.Name].Space))
		} else if !d.dispensable[ownerOn{n.Name, v.Instance}] {
			r.Disk += v.Space
		}
	}
	return r
}

// room is a node's capacity less what is taken there without a plan. What is planned has its room: it is not moved because something
// else has not stopped yet, but waits for it.
func room(capacity, planned, taken placement.Resources) placement.Resources {
	most := func(capacity, planned, taken int64) int64 { return max(0, min(capacity, max(planned, capacity-taken))) }
	return placement.Resources{Memory: most(capacity.Memory, planned.Memory, taken.Memory), Disk: most(capacity.Disk, planned.Disk, taken.Disk),
		CPU: most(capacity.CPU, planned.CPU, taken.CPU)}
}

func add(a, b placement.Resources) placement.Resources {
	return placement.Resources{Memory: a.Memory + b.Memory, Disk: a.Disk + b.Disk, CPU: a.CPU + b.CPU}
}

// solve asks placement, and asks again as long as an answer shows something that it cannot be told beforehand: that an instance
// does not fit where its volumes are, that a job's shared volumes are better begun elsewhere, or that two that have the same
// port have come to one node. Each time a want has one choice less, so it ends.
func (d *decider) solve(wants []*want) error {
	for {
		for _, w := range wants {
			d.yield(w)
		}
		d.omit(wants)
		result, err := placement.Place(d.problem(wants))
		if err != nil {
			return err
		}
		d.take(wants, result)
		if !d.loosen(wants) && !d.elsewhere(wants) && !d.ban(wants) {
			return nil
		}
	}
}

// take notes what placement says: where each is, and why, and what waits.
func (d *decider) take(wants []*want, r placement.Result) {
	byName := make(map[placement.Name]*want, len(wants))
	for _, w := range wants {
		if byName[w.name] = w; w.done {
			continue
		}
		w.at, w.move, w.wait = w.from, "", nil
		if w.refused != "" {
			w.at = ""
			w.wait = &Wait{Instance: w.Instance, Name: w.name.String(), Verdict: placement.ProvedInfeasible, Why: w.name.String() + " " + w.refused}
			if w.awaits {
				w.wait.Verdict = placement.NotFound
			}
		}
	}
	for _, p := range r.Placed {
		byName[p.Name].at = p.Node
	}
	for _, m := range r.Moves {
		w := byName[m.Name]
		w.at, w.move = m.To, m.Why
		if w.ports.banned[w.from] {
			w.move = "another gets a port of " + w.from + " that it publishes"
		}
	}
	chosen := slices.ContainsFunc(wants, (*want).chosen)
	for _, x := range r.Waiting {
		w := byName[x.Name]
		if w.done {
			continue
		}
		if chosen && d.fitsAlone(w) { // placement has proved that there is no way, but only by what was chosen
			x.Verdict, x.Refusal.Verdict, x.Refusal.TooLarge = placement.NotFound, placement.NotFound, false
		}
		w.at, w.wait = x.Stays, d.explain(w, x)
		if x.Stops != "" {
			w.move = x.Why
		}
	}
}

// explain says why an instance waits: what placement says, less what would mislead, and what placement does not know of.
func (d *decider) explain(w *want, x placement.Waiting) *Wait {
	crowded := len(w.spec.HostPorts()) > 0 && slices.ContainsFunc(x.Refusal.Nodes, func(o placement.Obstacle) bool { return o.Reason == placement.PerNode })
	if crowded { // nothing can allow a second one where the first one has the port
		x.Refusal.Remedies = slices.DeleteFunc(slices.Clone(x.Refusal.Remedies), func(r placement.Remedy) bool { return r.Sort == placement.Allow })
	}
	held := x.Stays+x.Stops == "" && len(d.held) > 0
	if held { // how large nodes are, and what would help, is said when it is known what is free
		x.Refusal.TooLarge, x.Refusal.Remedies = false, nil
	}
	why := x.String()
	switch {
	case x.Stops != "" && d.other(w) != 0: // it does not stop after all: see keep
		why = x.Refusal.String()
	case d.end:
		why = x.Forecast()
	}
	if held {
		why += "; what is stopping on " + namesOf(d.held) + " holds its room until then"
	}
	if w.extra {
		why = fmt.Sprintf("the deploy of %s has no room for one more: %s", w.task.Spec.Name, why)
	}
	if crowded {
		why += "; each " + publishes(w.spec) + ", which only one on a node can have (an ingress needs no ports)"
	}
	if len(w.ports.banned) > 0 {
		why += "; others have its ports on " + namesOf(w.ports.banned)
	}
	return &Wait{Instance: w.Instance, Name: w.name.String(), Node: x.Stays, Verdict: x.Verdict, Why: why, Refusal: &x.Refusal}
}

// chosen tells whether placement was asked with fewer nodes to choose from than there are for an instance, so that another choice might have
// done better, for it or for others.
func (w *want) chosen() bool {
	return len(w.ports.banned) > 0 || w.ports.anchor != "" || w.task.storage != nil && len(w.task.storage.groups) > 1
}

// fitsAlone tells whether there is a node that would have room for an instance if nothing else were there.
func (d *decider) fitsAlone(w *want) bool {
	needs := d.needs(w)
	return slices.ContainsFunc(d.Nodes, func(n Node) bool {
		return n.Alive() && needs.Memory <= n.Capacity.Memory && needs.Disk <= n.Capacity.Disk && needs.CPU <= n.Capacity.CPU
	})
}

// namesOf are the keys of a map, as in a sentence.
func namesOf[V any](m map[string]V) string {
	return placement.Enumerate(slices.Sorted(maps.Keys(m)), "and")
}

// loosen has what has no place let go of what may keep it from one: see portRules.
func (d *decider) loosen(wants []*want) (again bool) {
	for _, w := range wants {
		if w.wait == nil {
			continue
		}
		again = w.ports.loosen() || again
		if !w.done && len(w.tied) > 0 {
			w.tied, again = w.tied[1:], true
		}
	}
	return again
}

// elsewhere tries the next place for the shared volumes of a job of which nothing has a place, or which themselves have no room there. If they
// have none anywhere, nothing of the job has a place.
func (d *decider) elsewhere(wants []*want) (again bool) {
	placed := map[*task]bool{}
	for _, w := range wants {
		placed[w.task] = placed[w.task] || w.at != ""
	}
	for t, any := range placed {
		s := t.storage
		if s == nil {
			continue
		}
		homeless := any && s.carrier.at == "" && slices.Contains(wants, s.carrier) && d.takes(t, s.carrier.spec) > 0
		switch {
		case any && !homeless:
		case homeless && s.carrier.refused != "": // for other reasons than room
			s.carrier = wants[slices.IndexFunc(wants, func(w *want) bool { return w.task == t && w.at != "" })]
			again = true
		case s.choice+1 < len(s.groups):
			s.choice++
			again = true
		case homeless:
			again = s.refuse(wants) || again
		}
	}
	return again
}

// refuse keeps everything of a job from where there is no room for the volumes that it has in common.
func (s *storage) refuse(wants []*want) (again bool) {
	for _, w := range wants {
		if w.task.storage == s && w.home == nil && w.refused == "" && !w.done && w.at != "" {
			w.refused, again = "has no room for the volumes that its job has in common, see "+s.carrier.name.String(), true
		}
	}
	return again
}

// first compares by whether something holds: those of which it does come first.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
