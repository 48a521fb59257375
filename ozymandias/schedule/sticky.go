package schedule

import (
	"fmt"
	"maps"
)

// An instance with a sticky volume runs only where that is. Of a lost node nobody knows what it has, so where it is stands in the job's
// record ([Job.Homes]): from the decision on that gives the instance its first place, as it may begin to write there any moment; until
// somebody has the node be forgotten, the node is back without the volume, or the instance is not wanted any more.

// stick finds the one node where an instance may be, if it has sticky volumes, and has it wait for that if it is lost.
func (d *decider) stick(w *want) {
	if !w.task.sticky() {
		return
	}
	n := d.Node(w.task.Homes[w.ID])
	if planned := d.planned(w.Instance); planned != nil {
		n = planned
	}
	if n == nil || d.bare(w) || n.Alive() && n != w.home && !has(n, w.Instance) && !d.doubtful(w.Instance, n) {
		keepers := d.keepers(w.Instance)
		if len(keepers) == 0 {
			return
		}
		n = keepers[0]
	}
	w.sticks = n.Name
	if !n.Alive() {
		w.awaits = true
		w.refused = fmt.Sprintf("waits for %[1]s, which has its volume, a sticky one: start that node again, or `ozymandias delete node %[1]s` to have it begin with an empty volume elsewhere", n.Name)
	}
}

// sticky tells whether a job's instances run only where their volumes are. Those of a daemon do so anyhow.
func (t *task) sticky() bool { return t.Spec.Sticky() && !t.Spec.Daemon }

// doubtful tells whether an instance may still run on a node that it was taken from: then nothing is known yet of what it leaves there.
func (d *decider) doubtful(i Instance, n *Node) bool {
	for _, p := range d.doubt[i] {
		if p.Node == n.Name {
			return true
		}
	}
	return false
}

// homes writes down where instances with sticky volumes have them.
func (d *decider) homes() {
	next := map[*task]map[string]string{}
	for _, t := range d.tasks {
		if next[t] = map[string]string{}; t.sticky() {
			maps.Copy(next[t], t.Homes)
		}
		maps.DeleteFunc(next[t], func(id, _ string) bool { return t.scaledBelow(id) })
	}
	for _, w := range d.wants {
		switch {
		case !w.task.sticky():
		case w.at != "":
			next[w.task][w.ID] = w.at
		case w.sticks != "":
			next[w.task][w.ID] = w.sticks
		}
	}
	for _, t := range d.tasks {
		if !t.Deleted && !maps.Equal(next[t], t.Homes) {
			t.Homes, t.changed = next[t], true
		}
	}
}
