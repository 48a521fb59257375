package schedule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
)

// place finds a node for everything that is to run. What a deploy adds for a while comes last, and nothing is moved for it.
func (d *decider) place() error {
	d.gather()
	var first, extra []*want
	byTask := map[*task][]*want{}
	for _, w := range d.wants {
		d.tie(w)
		byTask[w.task] = append(byTask[w.task], w)
		if w.extra && w.home == nil {
			extra = append(extra, w)
		} else {
			first = append(first, w)
		}
	}
	for _, t := range d.tasks {
		d.store(t, byTask[t])
	}
	d.avoid()
	if err := d.solve(first); err != nil {
		return err
	}
	if len(extra) == 0 {
		return nil
	}
	all := slices.Clone(extra)
	for _, w := range first {
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
	counted := map[string]map[Instance]bool{}
	for _, w := range wants {
		if w.lost != "" {
			continue
		}
		in := d.instance(w)
		p.Instances = append(p.Instances, in)
		planned[w.from] = add(planned[w.from], in.Needs)
		for _, name := range append(slices.Clone(in.Tied), w.from) {
			if counted[name] == nil {
				counted[name] = map[Instance]bool{}
			}
			counted[name][w.Instance] = counted[name][w.Instance] || name == w.from || len(w.tied) > 0 || w.sticks != ""
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
			if len(w.avoids) > 0 && !w.insist && len(d.ties(w)) == 0 {
				w.insist = true
			}
			for len(w.banned) > 0 && len(w.tied) > 0 && len(d.ties(w)) == 0 {
				w.tied = w.tied[1:]
			}
			if len(w.banned) > 0 && w.lost == "" && len(d.ties(w)) == 0 {
				w.lost = publishes(w.spec) + ", which others have on " + placement.Enumerate(slices.Sorted(maps.Keys(w.banned)), "and")
			}
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

// take notes what placement says.
func (d *decider) take(wants []*want, r placement.Result) {
	byName := make(map[placement.Name]*want, len(wants))
	for _, w := range wants {
		if byName[w.name] = w; w.done {
			continue
		}
		w.at, w.move, w.wait = w.from, "", nil
		if w.lost != "" {
			w.at = ""
			w.wait = &Wait{Instance: w.Instance, Name: w.name.String(), Verdict: placement.ProvedInfeasible, Why: w.name.String() + " " + w.lost}
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
		if w.banned[w.from] {
			w.move = "another gets a port of " + w.from + " that it publishes"
		}
	}
	for _, x := range r.Waiting {
		w := byName[x.Name]
		if w.done {
			continue
		}
		w.at = x.Stays
		crowded := len(w.spec.HostPorts()) > 0 && slices.ContainsFunc(x.Refusal.Nodes, func(o placement.Obstacle) bool { return o.Reason == placement.PerNode })
		if crowded { // nothing can allow a second one where the first one has the port
			x.Refusal.Remedies = slices.DeleteFunc(slices.Clone(x.Refusal.Remedies), func(r placement.Remedy) bool { return r.Sort == placement.Allow })
		}
		held := x.Stays+x.Stops == "" && len(d.held) > 0
		if held { // how large nodes are, and what would help, is said when it is known what is free
			x.Refusal.TooLarge, x.Refusal.Remedies = false, nil
		}
		w.wait = &Wait{Instance: w.Instance, Name: w.name.String(), Node: x.Stays, Verdict: x.Verdict, Why: x.String(), Refusal: &x.Refusal}
		if d.end {
			w.wait.Why = x.Forecast()
		}
		if x.Stops != "" {
			w.move = x.Why
		}
		if held {
			w.wait.Why += "; what is stopping on " + placement.Enumerate(slices.Sorted(maps.Keys(d.held)), "and") + " holds its room until then"
		}
		if w.extra {
			w.wait.Why = fmt.Sprintf("the deploy of %s has no room for one more: %s", w.task.Spec.Name, w.wait.Why)
		}
		if crowded {
			w.wait.Why += "; each " + publishes(w.spec) + ", which only one on a node can have (an ingress needs no ports)"
		}
		if len(w.banned) > 0 {
			w.wait.Why += "; others have its ports on " + placement.Enumerate(slices.Sorted(maps.Keys(w.banned)), "and")
		}
	}
}

// loosen lets go of what does not fit where its volumes are, or where it is to remain.
func (d *decider) loosen(wants []*want) (again bool) {
	for _, w := range wants {
		if w.wait != nil && len(w.avoids) > 0 && !w.insist {
			w.insist, again = true, true
		}
		if w.wait != nil && w.anchor != "" {
			w.anchor, w.adrift, again = "", true, true
		}
		if w.wait != nil && !w.done && len(w.tied) > 0 {
			w.tied, again = w.tied[1:], true
		}
	}
	return again
}

// elsewhere tries the next place for the shared volumes of a job of which nothing has a place.
func (d *decider) elsewhere(wants []*want) (again bool) {
	placed := map[*task]bool{}
	for _, w := range wants {
		placed[w.task] = placed[w.task] || w.at != ""
	}
	for t, any := range placed {
		if s := t.storage; s != nil && !any && s.choice+1 < len(s.groups) {
			s.choice++
			again = true
		}
	}
	return again
}

// avoid keeps what comes with ports from the nodes where others have them, for a start.
func (d *decider) avoid() {
	var publishers []*want
	for _, w := range d.wants {
		if len(w.spec.HostPorts()) > 0 {
			publishers = append(publishers, w)
		}
	}
	for _, w := range publishers {
		for _, other := range publishers {
			if w.home == nil && other.home != nil && other.task != w.task && collide(w.spec.HostPorts(), other.spec.HostPorts()) {
				if w.avoids == nil {
					w.avoids = map[string]bool{}
				}
				w.avoids[other.home.Name] = true
			}
		}
	}
}

// ban keeps an instance from a node where another job's has one of its ports. What placement would move there only now stays away;
// else the more important gets the port, and of what is equally important who has it.
func (d *decider) ban(wants []*want) (again bool) {
	publishers := map[string][]*want{}
	for _, w := range wants {
		if w.at != "" && len(w.spec.HostPorts()) > 0 {
			publishers[w.at] = append(publishers[w.at], w)
		}
	}
	for _, node := range slices.Sorted(maps.Keys(publishers)) {
		list := publishers[node]
		slices.SortFunc(list, func(a, b *want) int {
			return cmp.Or(first(a.done, b.done), first(!a.moves(), !b.moves()), -cmp.Compare(a.importance(), b.importance()),
				first(a.from == node, b.from == node), a.name.Compare(b.name))
		})
		for at, w := range list {
			for _, other := range list[:at] {
				if other.at != "" && w.at != "" && collide(w.spec.HostPorts(), other.spec.HostPorts()) {
					d.banOne(w, node)
					w.at, again = "", true
					if !other.adrift && !other.done {
						other.anchor = node
					}
				}
			}
		}
	}
	return again
}

func (d *decider) banOne(w *want, node string) {
	if w.banned[node] || w.stays {
		w.lost = fmt.Sprintf("%s, which another has on %s, too", publishes(w.spec), node)
		return
	}
	if w.banned == nil {
		w.banned = map[string]bool{}
	}
	w.banned[node] = true
	if w.anchor == node {
		w.anchor, w.adrift = "", true
	}
}

// publishes says which ports of its node an instance asks for.
func publishes(spec *job.Job) string {
	var ports []string
	for _, p := range spec.HostPorts() {
		text := strconv.Itoa(int(p.Host))
		if p.Protocol == job.UDPProtocol {
			text += "/udp"
		}
		ports = append(ports, text)
	}
	if len(ports) == 1 {
		return "publishes port " + ports[0] + " of its node"
	}
	return "publishes ports of its node (" + placement.Enumerate(ports, "and") + ")"
}

// collide tells whether two sets of ports cannot be published on one node.
func collide(a, b []job.Port) bool {
	for _, p := range a {
		if slices.ContainsFunc(b, p.Collides) {
			return true
		}
	}
	return false
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
