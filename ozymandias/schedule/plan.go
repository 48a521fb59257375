package schedule

import (
	"cmp"
	"slices"
)

// plan writes the plans down that change.
func (d *decider) plan() {
	byNode := map[string][]*want{}
	more := map[*task]bool{} // of jobs for which there is more work than room: one that waits stands for all
	for _, w := range d.wants {
		if w.at != "" {
			byNode[w.at] = append(byNode[w.at], w)
		}
		if w.wait != nil && !more[w.task] {
			more[w.task] = w.task.Spec.Unbounded() && w.home == nil && !w.awaits
			d.out.Waits = append(d.out.Waits, *w.wait)
		}
		d.report(w)
	}
	for i := range d.Nodes {
		d.planNode(&d.Nodes[i], byNode[d.Nodes[i].Name])
	}
	d.scaledIn()
}

// planNode writes a node's plan, if it changes.
func (d *decider) planNode(n *Node, wants []*want) {
	next := Plan{Version: d.Version + 1, Incarnation: n.Incarnation}
	if d.awaited[n.Name] {
		if !n.Plan.Awaited {
			next = n.Plan
			next.Version, next.Awaited = d.Version+1, true
			d.out.Plans[n.Name] = next
		}
		return
	}
	here := map[Instance]bool{}
	changed := false
	for _, w := range wants {
		here[w.Instance] = true
		p, ok := d.where[w.Instance]
		planned := p.Planned
		if !ok || p.node != n || planned.Revision != w.revision {
			changed = true
			eased := w.eased || ok && planned.Revision == w.revision && planned.Eased
			planned = Planned{Instance: w.Instance, Revision: w.revision, Epoch: next.Version, After: d.after(w.Instance, n), Eased: eased}
			w.task.sent = w.task.sent || w.revision == w.task.Revision
			if from := d.planned(w.Instance); from != nil && from != n {
				d.out.from[w.Instance] = from.Name
			}
		}
		next.Instances = append(next.Instances, planned)
	}
	if !n.Current() {
		changed = len(next.Instances)+len(n.Plan.Instances)+len(n.Plan.Leaving) > 0
	} else {
		next.Leaving = slices.Clone(d.held[n.Name])
		for _, p := range n.Plan.Instances {
			if !here[p.Instance] {
				changed = true
				next.Leaving = append(next.Leaving, Leaving{Instance: p.Instance, Revision: p.Revision, Epoch: p.Epoch, Version: next.Version})
			}
		}
	}
	if !changed {
		return
	}
	slices.SortFunc(next.Instances, func(a, b Planned) int { return a.Compare(b.Instance) })
	slices.SortFunc(next.Leaving, func(a, b Leaving) int { return cmp.Or(a.Compare(b.Instance), cmp.Compare(a.Epoch, b.Epoch)) })
	d.out.Plans[n.Name] = next
}

// planned is the node in whose plan an instance is, or nil, be it alive or not.
func (d *decider) planned(i Instance) *Node {
	if at, ok := d.where[i]; ok {
		return at.node
	}
	return d.lost[i]
}

// after are the places where an instance may still run when it is put on a node: wherever it was taken away and is not known to
// have stopped, and where it is taken away now. A node does not wait for itself: it never has two epochs of one instance.
func (d *decider) after(i Instance, n *Node) (places []Place) {
	for _, p := range d.doubt[i] {
		if p.Node != n.Name {
			places = append(places, p)
		}
	}
	if at, ok := d.where[i]; ok && at.node != n {
		places = append(places, Place{at.node.Name, at.node.Incarnation, at.Planned.Epoch, d.Version + 1})
	}
	return places
}

// report tells what becomes of an instance.
func (d *decider) report(w *want) {
	at, planned := d.where[w.Instance]
	t, name := w.task, w.name
	switch {
	case w.at == "" && planned:
		d.tell(t, at.node.Name, "%s stops on %s: %s", name, at.node.Name, w.because())
	case w.at == "":
	case !planned:
		d.tell(t, w.at, "%s goes to %s at revision %d", name, w.at, w.revision)
	case at.node.Name != w.at:
		d.tell(t, w.at, "%s moves from %s to %s: %s", name, at.node.Name, w.at, w.because())
	case at.Planned.Revision != w.revision:
		d.tell(t, w.at, "%s goes from revision %d to %d on %s", name, at.Planned.Revision, w.revision, w.at)
	}
}

func (w *want) because() string {
	if w.refused != "" {
		return "it " + w.refused
	}
	return w.move
}

// scaledIn tells of what is planned and not wanted any more.
func (d *decider) scaledIn() {
	wanted := make(map[Instance]bool, len(d.wants))
	for _, w := range d.wants {
		wanted[w.Instance] = true
	}
	for _, t := range d.tasks {
		var ids []Instance
		for _, i := range d.of[t.UID] {
			if !wanted[i] {
				ids = append(ids, i)
			}
		}
		slices.SortFunc(ids, Instance.Compare)
		for _, i := range ids {
			why := "it is not wanted any more"
			if end, ended := t.Ended[i.ID]; ended {
				why = "it is " + string(end.Outcome)
			} else if t.Finished {
				why = "its worklist is finished"
			}
			d.tell(t, d.where[i].node.Name, "%s leaves %s: %s", t.name(i.ID), d.where[i].node.Name, why)
		}
	}
}
