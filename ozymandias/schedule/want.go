package schedule

import (
	"fmt"
	"math"
	"slices"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
)

// want is an instance that is to run, and what decides where.
type want struct {
	Instance
	task     *task
	revision int64
	spec     *job.Job // at that revision
	name     placement.Name
	extra    bool // it is there only while a deploy is under way, and gives way to everything

	home    *Node     // where it is planned, or nil
	stays   bool      // it may not be moved now
	until   []*want   // of its job, which are not up: it stays because of these
	turn    bool      // it may leave now
	behind  bool      // it stays because as many as may be are on their way from draining nodes
	done    bool      // it is decided what becomes of it
	from    string    // where it is, in the course of deciding; "" for nowhere
	sticks  string    // the one node where it may be, as a sticky volume is there
	tied    []string  // where it is to be for its volumes, or its ports: on the first of these, as long as there is hope
	ports   portRules // how it keeps clear of others that have its ports
	refused string    // why it can be nowhere, where placement is not asked
	awaits  bool      // that is because it waits for its node, which was lost with most others

	at    string // where it is to be in the end
	move  string // why it goes there
	eased bool   // it goes there because its node is overloaded
	wait  *Wait
}

// gather makes the wants, jobs in order and instances by number.
func (d *decider) gather() {
	for _, t := range d.tasks {
		extra := make([]string, 0, len(t.run))
		for id := range t.run {
			if !slices.Contains(t.ids, id) {
				extra = append(extra, id)
			}
		}
		slices.SortFunc(extra, func(a, b string) int { return placement.Name{ID: a}.Compare(placement.Name{ID: b}) })
		for at, id := range slices.Concat(t.ids, extra) {
			w := &want{Instance: Instance{t.UID, id}, task: t, revision: t.run[id], spec: t.runs(t.run[id]), extra: at >= len(t.ids)}
			w.name = placement.Name{Job: t.Spec.Name, ID: id}
			if at, ok := d.where[w.Instance]; ok {
				w.home, w.from = at.node, at.node.Name
			} else if n := d.lost[w.Instance]; n != nil && d.awaited[n.Name] {
				w.await(n)
			}
			d.stick(w)
			d.wants = append(d.wants, w)
		}
		own := d.wants[len(d.wants)-len(t.ids)-len(extra):]
		d.pace(t, own)
		d.together(t, own)
	}
}

// await has an instance wait for a node that is lost.
func (w *want) await(n *Node) {
	w.awaits = true
	w.refused = fmt.Sprintf("waits for %s, which was lost with most others: until it is back, or for %s", n.Name, patience)
}

// together has a job with shared volumes wait as a whole for the node that has them: what started meanwhile would begin them anew.
func (d *decider) together(t *task, wants []*want) {
	if t.Spec.Needs().Shared == 0 {
		return
	}
	at := slices.IndexFunc(wants, func(w *want) bool { return w.awaits })
	if at < 0 || slices.ContainsFunc(wants, func(w *want) bool { return w.home != nil }) {
		return
	}
	for _, w := range wants {
		w.awaits, w.refused = true, wants[at].refused
	}
}

// leaving are those of a job that are to leave their nodes: these are draining, have not the labels, or have more of it than they may, of
// which the last go.
func (t *task) leaving(wants []*want) map[*want]bool {
	p := t.Spec.Placement
	leaving, remain := map[*want]bool{}, map[*Node]int{}
	for _, w := range wants {
		if w.home == nil {
			continue
		}
		if leaving[w] = w.home.Draining || !placement.Meets(w.home.Labels, p.Requires); !leaving[w] {
			remain[w.home]++
		}
	}
	for _, w := range slices.Backward(wants) {
		if p.MaxPerNode > 0 && !leaving[w] && remain[w.home] > p.MaxPerNode {
			leaving[w] = true
			remain[w.home]--
		}
	}
	return leaving
}

// pace keeps what is to leave its node from leaving all at once: at most max_unavailable of a job are missing, but one at
// least may; and of all jobs some. What is not up, or is restarted anyhow, may always go.
func (d *decider) pace(t *task, wants []*want) {
	if d.end {
		return
	}
	disturbed := func(w *want) bool {
		at := d.where[w.Instance]
		return !at.now.Healthy || at.Planned.Revision != w.revision
	}
	missing := 0
	var down []*want
	for _, w := range wants {
		if !w.extra && disturbed(w) {
			missing++
			down = append(down, w)
		}
	}
	atMost := max(1, t.Spec.Update.MaxUnavailable)
	leaving, held := t.leaving(wants), map[*Node]bool{}
	for _, w := range wants {
		if !leaving[w] || w.sticks != "" {
			continue
		}
		switch {
		case t.Spec.Daemon:
			w.stays = true
		case disturbed(w) || w.extra:
		case missing >= atMost:
			if w.stays = true; len(down) == missing { // none has just begun to leave
				w.until = down
			}
		case d.turns.rooted[w.Instance] != nil:
			missing++
			w.stays = true
		case !d.turns.allow(w, d.moving):
			w.stays, w.behind = true, true
		default:
			missing++
			d.moving++
			w.turn = true
		}
		held[w.home] = held[w.home] || w.stays
	}
	for _, w := range wants { // nor does another leave in the place of one that is held
		if held[w.home] && !leaving[w] && d.where[w.Instance].Planned.Revision == w.revision {
			w.stays = true
		}
	}
}

// stuck says of what stays on its node for the sake of others that nothing comes of these, so that it may stay for ever.
func (d *decider) stuck() {
	var moving []*want
	for _, w := range d.wants {
		if d.where[w.Instance].moving() {
			moving = append(moving, w)
		}
	}
	for _, w := range d.wants {
		if w.behind {
			w.until = moving
		}
		if len(w.until) == 0 || w.wait != nil || w.at != w.home.Name || slices.ContainsFunc(w.until, d.coming) {
			continue
		}
		others := w.until[0].name.String() + " is"
		if more := len(w.until) - 1; more > 0 {
			others = fmt.Sprintf("%s and %d more are", w.until[0].name, more)
		}
		limit := fmt.Sprintf("at most %d of %s may be missing", max(1, w.task.Spec.Update.MaxUnavailable), w.task.Spec.Name)
		if w.behind {
			limit = fmt.Sprintf("at most %d may be on their way at once", movesAtOnce)
		}
		w.wait = &Wait{Instance: w.Instance, Name: w.name.String(), Node: w.at, Verdict: placement.NotFound,
			Why: fmt.Sprintf("%s stays on %s for now: %s not up, and %s", w.name, w.at, others, limit)}
	}
}

// coming tells whether an instance that is not up may be so soon. For how long it is on its way it says itself, by the clock of its node: that
// is good enough for what people are told.
func (d *decider) coming(w *want) bool {
	at, planned := d.where[w.Instance]
	switch {
	case w.at == "":
		return d.soon(w)
	case !planned || at.node.Name != w.at || at.Planned.Revision != w.revision:
		return true // it is given its place by this very decision
	case at.now.Phase == BackOff, at.now.Phase == Ended, at.now.Phase == Broken:
		return false
	}
	return at.now.Since.IsZero() || d.now.Sub(at.now.Since) < time.Duration(w.task.Spec.Update.HealthyWithin)
}

// instance is the want as placement sees it.
func (d *decider) instance(w *want) placement.Instance {
	t := w.task
	in := placement.Instance{Name: w.name, Node: w.from, Pinned: w.stays, Yields: w.yields(), Tied: d.ties(w), Requires: t.Spec.Placement.Requires, Priority: w.importance(),
		Needs: d.needs(w), Spread: placement.Spread{PerNode: t.Spec.Placement.MaxPerNode, Label: t.Spec.Placement.Spread}}
	if at, planned := d.where[w.Instance]; planned && at.node.Name == w.from {
		in.Grows = w.spec.Needs().Beyond(t.runs(at.Planned.Revision).Needs())
	}
	if len(w.spec.HostPorts()) > 0 {
		in.Spread.PerNode = 1
	}
	return in
}

// yields tells whether an instance that is held where it is for the pace of those that leave may be stopped for what is more important.
func (w *want) yields() bool { return w.stays && !w.done && !w.home.Draining && !w.task.Spec.Daemon }

// needs are what an instance asks of its node, and with it the volumes that its job has in common.
func (d *decider) needs(w *want) placement.Resources {
	needs := w.spec.Needs()
	r := placement.Resources{Memory: int64(needs.Memory), CPU: int64(needs.CPUs), Disk: int64(needs.Local)}
	if w.carries() {
		r.Disk += d.takes(w.task, w.spec)
	}
	return r
}

// granted is what of an instance's needs was planned where it is already. Disk that it asks for in addition has to be there.
func (d *decider) granted(w *want, needs placement.Resources) placement.Resources {
	at, ok := d.where[w.Instance]
	if needs.Disk == 0 || !ok || at.node.Name != w.from {
		return needs
	}
	spec := w.task.runs(at.Planned.Revision)
	before := int64(spec.Needs().Local)
	if w.carries() {
		before += d.takes(w.task, spec)
	}
	needs.Disk = min(needs.Disk, before)
	return needs
}

// carries tells whether the volumes that its job has in common are counted with an instance.
func (w *want) carries() bool { return w.task.storage != nil && w.task.storage.carrier == w }

// importance decides who gives way.
func (w *want) importance() int {
	if w.extra {
		return math.MinInt
	}
	return w.task.Spec.Priority
}

// ties are the nodes on which an instance may be; none: on any. What is banned everywhere is not asked for.
func (d *decider) ties(w *want) []string {
	tied := w.tied
	var group []string
	if s := w.task.storage; s != nil {
		group = s.groups[s.choice]
		tied = intersect(tied, group)
	}
	switch {
	case w.sticks != "":
		tied = []string{w.sticks}
	case len(tied) > 0:
		tied = tied[:1]
	default:
		tied = group
	}
	if w.task.Spec.Daemon {
		tied = []string{w.ID}
	}
	if w.ports.anchor != "" {
		tied = []string{w.ports.anchor}
	}
	if len(w.ports.banned)+len(w.ports.avoids) == 0 {
		return tied
	}
	if tied == nil {
		for i := range d.Nodes {
			if d.Nodes[i].Alive() {
				tied = append(tied, d.Nodes[i].Name)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(tied), w.ports.forbids)
}

func intersect(a, b []string) (both []string) {
	for _, s := range a {
		if slices.Contains(b, s) {
			both = append(both, s)
		}
	}
	return both
}

// moves tells whether an instance is about to leave the node where it is for another.
func (w *want) moves() bool { return w.from != "" && w.at != "" && w.at != w.from }
