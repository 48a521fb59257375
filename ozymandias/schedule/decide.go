package schedule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
)

// A Decision is what follows from a state.
type Decision struct {
	// Version is the next one, if anything changes.
	Version int64
	// Plans are those that change, by node.
	Plans map[string]Plan
	// Jobs are those that change, and Removed those that are gone, by UID. Lists are in the order of jobs' names and UIDs.
	Jobs    []Job
	Removed []string
	// Waits is what has no place, or not the one it is to have, and why. It changes nothing.
	Waits []Wait
	// Events say what changes, for people.
	Events []Event
	// Again is when to decide once more if nothing happens until then; zero for never.
	Again time.Time

	from map[Instance]string // in which node's plan those were that have another place now
}

// Changed tells whether there is anything to be written.
func (d *Decision) Changed() bool { return d.Size() > 0 }

// A Wait is an instance that waits.
type Wait struct {
	Instance
	Name    string // as people know it: "web-0"
	Node    string // where it stays meanwhile, or ""
	Verdict placement.Verdict
	Why     string
	Refusal *placement.Refusal // in figures, where it is for want of room
}

// An Event is one sentence on what changes.
type Event struct {
	Job  string `json:"job,omitempty"`  // the UID, or "" if it is about a node
	Node string `json:"node,omitempty"` // or ""
	Text string `json:"text"`
}

// Decide says what follows from a state. It is pure: whoever decides from the same state at the same time decides the same, in
// whatever order jobs and nodes come; and once a decision is written, nothing further follows until there is news. What it returns
// may share memory with the state.
//
// The error names what is wrong with the state. Having no room is not an error.
func Decide(s State, now time.Time) (Decision, error) {
	var d *decider
	kept, trial, mustStop, nowhere, order := map[Instance]kept{}, map[string]bool{}, map[Instance]bool{}, map[Instance]bool{}, &turns{}
	for again := true; again; again = d.keep() || d.displaced() || d.unplaced() || d.giveTurns() {
		d = newDecider(s, now)
		d.kept, d.trial, d.mustStop, d.nowhere, d.turns = kept, trial, mustStop, nowhere, order
		d.await()
		d.losses()
		for _, t := range d.tasks {
			d.advance(t)
		}
		if err := d.place(); err != nil {
			return Decision{}, fmt.Errorf("decide from version %d: %w", s.Version, err)
		}
	}
	d.excuse()
	d.balance()
	d.stuck()
	d.plan()
	d.homes()
	used := d.used()
	for _, t := range d.tasks {
		d.conclude(t, used[t.UID])
	}
	return d.out, nil
}

// decider is one call of Decide.
type decider struct {
	State
	now time.Time
	end bool // look at how all is when deploys and drains are through, rather than at the next step

	tasks       []*task
	where       map[Instance]spot     // what is planned, on nodes that are alive and the same as when it was
	of          map[string][]Instance // the same, by job
	lost        map[Instance]*Node    // what was planned on nodes that are lost, and on which
	doubt       map[Instance][]Place  // where something that was taken away may still run
	kept        map[Instance]kept     // what has no place at the revision that all are to run
	trial       map[string]bool       // jobs of which on every node one is tried at that revision, by UID
	mustStop    map[Instance]bool     // what would have to stop as it is, so that there is nothing to be careful with
	nowhere     map[Instance]bool     // what has no place, so that a deploy is not to wait for it
	turns       *turns                // who may leave a node now
	held        map[string][]Leaving  // by node: what holds room there though it is not planned any more
	dispensable map[ownerOn]bool      // volumes that are kept only in case that somebody misses them
	awaited     map[string]bool       // nodes that are lost, and for which what they were to run waits
	wants       []*want
	moving      int // how many have left a node and did not come up yet on another
	out         Decision
}

// task is a job and what comes of it.
type task struct {
	Job
	changed bool
	ids     []string         // wanted
	run     map[string]int64 // what is to run: the ids, and those beyond while a deploy is under way
	waiting bool             // a deploy waits for what is on its way
	sent    bool             // something was given a place at the new revision
	storage *storage         // what its shared volumes ask for, or nil
}

// kept is what an instance runs that has no place at the revision that all are to run, and why it has none.
type kept struct {
	revision int64
	why      *Wait
}

// ownerOn is an instance, or a job for what it has in common, that has volumes on a node.
type ownerOn struct {
	node  string
	owner Instance
}

// spot is where an instance is planned.
type spot struct {
	Planned
	node *Node
	now  Condition // zero unless the node reports this epoch
}

// moving tells whether an instance has come from another node and has not begun yet on this one.
func (s spot) moving() bool { return len(s.After) > 0 && s.now.Phase.beginning() }

// beginning tells whether nothing is known yet of how an instance fares.
func (p Phase) beginning() bool { return p == "" || p == Waiting || p == Starting }

func newDecider(s State, now time.Time) *decider {
	s.Nodes, s.Jobs = slices.Clone(s.Nodes), slices.Clone(s.Jobs)
	slices.SortFunc(s.Nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Jobs, func(a, b Job) int {
		return cmp.Or(strings.Compare(a.Spec.Name, b.Spec.Name), strings.Compare(a.UID, b.UID))
	})
	d := &decider{State: s, now: now, where: map[Instance]spot{}, of: map[string][]Instance{}, lost: map[Instance]*Node{}, doubt: map[Instance][]Place{}, held: map[string][]Leaving{}, dispensable: map[ownerOn]bool{}, turns: &turns{}}
	d.out = Decision{Version: s.Version + 1, Plans: map[string]Plan{}, from: map[Instance]string{}}
	for i := range d.Jobs {
		d.tasks = append(d.tasks, &task{Job: d.Jobs[i].clone()})
	}
	d.limit()
	leftovers := d.leftovers()
	for i := range d.Nodes {
		n := &d.Nodes[i]
		n.Draining = n.Draining || n.Alive() && n.Report.Unfit != ""
		d.look(n)
		for _, v := range leftovers.of(n) {
			d.dispensable[ownerOn{n.Name, v.Instance}] = v.Why != Unwanted // which is gone in a moment, but may be in use until then
		}
	}
	return d
}

// look takes in what is and was planned on a node.
func (d *decider) look(n *Node) {
	if !n.Current() {
		for _, p := range n.Plan.Instances {
			d.lost[p.Instance] = n
		}
		return
	}
	for _, p := range n.Plan.Instances {
		at := spot{Planned: p, node: n}
		if c := n.Report.Instances[p.Instance]; c.Epoch == p.Epoch {
			at.now = c
		}
		d.where[p.Instance] = at
		d.of[p.Job] = append(d.of[p.Job], p.Instance)
		if at.moving() {
			d.moving++
		}
	}
	for _, l := range n.Plan.Leaving {
		if place := (Place{n.Name, n.Incarnation, l.Epoch, l.Version}); !Free(l.Instance, place, n) {
			d.doubt[l.Instance] = append(d.doubt[l.Instance], place)
			d.held[n.Name] = append(d.held[n.Name], l)
		}
	}
}

// keep finds what has no place at the revision that all are to run, but may have one at another: it runs that. If it stopped, the room would
// be just enough for itself to come back. Where there is one, there may be many: so it is looked at once what others there are, rather than at
// one after the other, each with a placement of its own.
func (d *decider) keep() (again bool) {
	tried := maps.Clone(d.trial)
	clear(d.trial)
	type lot struct {
		task     *task
		home     *Node
		revision int64
		volumes  string
	}
	none := map[lot]*Wait{}
	for _, w := range d.wants {
		if other := d.other(w); w.at == "" && other != 0 {
			d.kept[w.Instance], again = kept{other, w.wait}, true
			if w.home != nil && !w.carries() && w.spec.Needs().Beyond(w.task.runs(other).Needs()) {
				none[lot{w.task, w.home, other, d.volumes(w)}] = w.wait
			}
			if !tried[w.Job] && !d.end {
				d.trial[w.Job] = true
			}
		}
	}
	if len(none) == 0 {
		return again || len(tried) > 0
	}
	for _, w := range d.wants { // nor have others that run the same on the same node, with as much there already
		why := none[lot{w.task, w.home, w.revision, d.volumes(w)}]
		if _, ok := d.kept[w.Instance]; why != nil && !ok && !w.extra && !d.mustStop[w.Instance] {
			own := *why
			own.Instance, own.Name, own.Why = w.Instance, w.name.String(), w.name.String()+strings.TrimPrefix(why.Why, why.Name)
			d.kept[w.Instance] = kept{w.revision, &own}
		}
	}
	return again || len(tried) > 0
}

// volumes tells of those that an instance has of its own, if all are to have any: one may have already what others would have to get.
func (d *decider) volumes(w *want) (all string) {
	if w.task.runs(w.task.Target()).Needs().Local == 0 {
		return ""
	}
	for _, n := range d.keepers(w.Instance) {
		for _, v := range n.Volumes {
			if v.Instance == w.Instance {
				all += fmt.Sprintf("%s %s %d\n", n.Name, v.Name, v.Space)
			}
		}
	}
	return all
}

// try sends one instance of each node, and all that run nowhere, to the revision that all are to run.
func (d *decider) try(t *task) {
	tried := map[string]bool{}
	for _, id := range t.ids {
		at, planned := d.where[Instance{t.UID, id}]
		if _, kept := d.kept[Instance{t.UID, id}]; kept || planned && (at.Planned.Revision == t.Target() || tried[at.node.Name]) {
			continue
		}
		if t.run[id] = t.Target(); planned {
			tried[at.node.Name] = true
		}
	}
}

// other is what an instance can run instead of the revision that all are to: what it does run or, where it runs nowhere and not for a moment
// only, what is known to work. It is 0 if there is nothing else.
func (d *decider) other(w *want) int64 {
	at, planned := d.where[w.Instance]
	other := w.task.known()
	if planned && !d.mustStop[w.Instance] {
		other = at.Planned.Revision
	} else if d.soon(w) {
		other = 0
	}
	if w.extra || w.revision != w.task.Target() || other == w.revision {
		return 0
	}
	return other
}

// excuse says of what runs another revision than all are to, and of what has nowhere to go, why that is.
func (d *decider) excuse() {
	for _, w := range d.wants {
		if why := d.turns.rooted[w.Instance]; why != nil && w.wait == nil && w.at == w.home.Name {
			w.wait = why
		}
		if k, ok := d.kept[w.Instance]; ok && w.at != "" && w.revision == k.revision && w.wait == nil {
			wait := *k.why
			wait.Node, wait.Why = w.at, fmt.Sprintf("%s; meanwhile it stays at revision %d", wait.Why, w.revision)
			w.wait = &wait
		}
	}
}

// displaced finds what has to stop while its job is between revisions. Without a place it may be started at another one at
// once, where it may need less.
func (d *decider) displaced() (again bool) {
	for _, w := range d.wants {
		if w.home != nil && w.at == "" && !d.mustStop[w.Instance] && w.task.Stable != w.task.Revision {
			d.mustStop[w.Instance], again = true, true
		}
	}
	return again
}

// unplaced finds what waits for a place while its job is between revisions. The deploy goes on without it: it may wait for ever, such as
// for a node that is lost. Where nothing else is to be done there is no need to look again.
func (d *decider) unplaced() (again bool) {
	more := map[*task]bool{}
	for _, w := range d.wants {
		at, planned := d.where[w.Instance]
		more[w.task] = more[w.task] || planned && at.Planned.Revision != w.task.Target() || !planned && w.at != ""
	}
	for _, w := range d.wants {
		if w.home == nil && w.at == "" && !d.soon(w) && !d.nowhere[w.Instance] && w.task.Stable != w.task.Revision && more[w.task] {
			d.nowhere[w.Instance], again = true, true
		}
	}
	return again
}

// soon tells whether what has no place waits for a moment only: until something has stopped, or for a node that was lost with most others.
func (d *decider) soon(w *want) bool {
	n := d.lost[w.Instance]
	return len(d.held) > 0 || n != nil && d.awaited[n.Name]
}

// losses tells of nodes that are lost.
func (d *decider) losses() {
	for i := range d.Nodes {
		if n := &d.Nodes[i]; !n.Current() && len(n.Plan.Instances) > 0 {
			if d.awaited[n.Name] {
				if !n.Plan.Awaited {
					d.out.Events = append(d.out.Events, Event{Node: n.Name, Text: fmt.Sprintf("%s is lost, with most others: what it was to run, %d, waits for it, for %s at most", n.Name, len(n.Plan.Instances), patience)})
				}
				continue
			}
			text := n.Name + " is lost"
			if n.Alive() {
				text = n.Name + " was lost, and is back"
			}
			d.out.Events = append(d.out.Events, Event{Node: n.Name, Text: fmt.Sprintf("%s: it was to run %d", text, len(n.Plan.Instances))})
		}
	}
}

func (d *decider) tell(t *task, node, format string, args ...any) {
	d.out.Events = append(d.out.Events, Event{Job: t.UID, Node: node, Text: fmt.Sprintf(format, args...)})
}

func (d *decider) again(at time.Time) {
	if d.out.Again.IsZero() || at.Before(d.out.Again) {
		d.out.Again = at
	}
}

// name is the instance's, as people know it.
func (t *task) name(id string) string { return placement.Name{Job: t.Spec.Name, ID: id}.String() }

// conclude writes down what has become of a job, of which those revisions are used.
func (d *decider) conclude(t *task, used map[int64]bool) {
	if t.Deleted {
		d.remove(t)
		return
	}
	if t.sent {
		t.Waited, t.waiting = 0, true // the new plan shows it: see Steps
	}
	if t.underWay() {
		if t.waiting {
			d.again(d.now.Add(t.remaining()))
		}
		if t.Deploy.Resting == t.waiting {
			t.Deploy.Resting, t.changed = !t.waiting, true
		}
	}
	if t.changed {
		t.prune(used)
		d.out.Jobs = append(d.out.Jobs, t.Job)
	}
}

// remove lets a deleted job go once nothing of it runs.
func (d *decider) remove(t *task) {
	if len(d.of[t.UID]) > 0 {
		return
	}
	for i := range d.doubt {
		if i.Job == t.UID {
			return
		}
	}
	d.out.Removed = append(d.out.Removed, t.UID)
	d.tell(t, "", "%s is gone", t.Spec.Name)
}

// used are the revisions that something runs or is to run, by job. What a node runs may be neither planned nor leaving, while it goes from one
// revision to the next.
func (d *decider) used() map[string]map[int64]bool {
	used := map[string]map[int64]bool{}
	note := func(job string, revision int64) {
		if used[job] == nil {
			used[job] = map[int64]bool{}
		}
		used[job][revision] = true
	}
	for i := range d.Nodes {
		n := &d.Nodes[i]
		for _, plan := range []Plan{n.Plan, d.out.Plans[n.Name]} {
			for _, p := range plan.Instances {
				note(p.Job, p.Revision)
			}
			for _, l := range plan.Leaving {
				note(l.Job, l.Revision)
			}
		}
		for i, c := range n.Report.Instances {
			note(i.Job, c.Revision)
		}
	}
	return used
}

// prune forgets revisions that nothing runs and nothing goes back to.
func (t *task) prune(used map[int64]bool) {
	t.Specs = maps.Clone(t.Specs)
	maps.DeleteFunc(t.Specs, func(revision int64, _ job.Job) bool {
		return !used[revision] && revision != t.Stable && revision != t.Deploy.From && revision != t.Deploy.To
	})
}
