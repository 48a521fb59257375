package schedule

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
)

// world is a State with machines that do what they are told, when they come to it.
type world struct {
	State
	now  time.Time
	born int
	// machines by incarnation, whether their leases live or not: what is there in truth.
	machines map[string]*machine
	seen     map[string]sight    // what whoever decides has seen, and since when
	epochs   map[Instance]int64  // the greatest at which each was started
	disks    map[string][]Volume // by node: what is on them in truth, whoever has heard of it
	homes    map[Instance]string // where those with sticky volumes were started
	// afterthoughts are how many more decisions there may be without news. One is enough but where priorities take room from others
	// while ports or volumes bind them: then the next may find a better use for what is left.
	afterthoughts int
	atOnce        int                   // how many records a decision may write; 0: any number
	disk          int64                 // of nodes that are entered
	specs         map[revision]*job.Job // of all revisions that there were, as what runs may be of one that is forgotten
	fatal         func(format string, args ...any)
}

type revision struct {
	job    string
	number int64
}

type machine struct {
	node, incarnation string
	seen              Plan // the plan it goes by
	runs              map[Instance]Condition
	sick              bool   // what it starts does not become healthy
	slow              bool   // what it starts goes on starting
	unfit             string // why it can run nothing
}

// sight is what something looks like, and since when.
type sight struct {
	what  string
	since time.Time
}

// look fills in for how long things have been as they are.
func (w *world) look() {
	since := func(of, what string) time.Duration {
		if w.seen[of].what != what {
			w.seen[of] = sight{what, w.now}
		}
		return w.now.Sub(w.seen[of].since)
	}
	w.Nodes, w.Jobs = slices.Clone(w.Nodes), slices.Clone(w.Jobs)
	for i := range w.Nodes {
		n := &w.Nodes[i]
		n.Away = since("absence of "+n.Name, n.Incarnation)
		if n.Alive() {
			n.Away = 0
		}
		n.Steady = since("plan of "+n.Name, fmt.Sprint(n.Plan.Version))
		n.Overloaded = since("load of "+n.Name, fmt.Sprint(n.IsOverloaded()))
		if !n.IsOverloaded() {
			n.Overloaded = 0
		}
	}
	steps := w.Steps()
	for i := range w.Jobs {
		j := &w.Jobs[i]
		j.Waited = since("deploy of "+j.UID, fmt.Sprint(steps[j.UID]))
	}
}

func newWorld(fatal func(format string, args ...any)) *world {
	return &world{now: time.Unix(1e9, 0).UTC(), disk: 1e11, machines: map[string]*machine{}, seen: map[string]sight{}, epochs: map[Instance]int64{}, disks: map[string][]Volume{}, homes: map[Instance]string{}, specs: map[revision]*job.Job{}, fatal: fatal}
}

// boot starts a node's process, which begins with a clean machine. One that is not known is entered.
func (w *world) boot(name string) {
	w.born++
	n := w.Node(name)
	if n == nil {
		w.Nodes = append(slices.Clone(w.Nodes), Node{Name: name, Capacity: placement.Resources{Memory: 8e9, Disk: w.disk, CPU: 4000}})
		n = w.Node(name)
	}
	n.Incarnation = fmt.Sprintf("%s/%d", name, w.born)
	n.Report, n.Volumes = Report{Instances: map[Instance]Condition{}}, w.disks[name]
	w.machines[n.Incarnation] = &machine{node: name, incarnation: n.Incarnation, runs: map[Instance]Condition{}}
}

// lose ends a node's lease. By then whatever it ran has stopped.
func (w *world) lose(name string) {
	n := w.Node(name)
	delete(w.machines, n.Incarnation)
	n.Incarnation, n.Report, n.Volumes = "", Report{}, nil
}

// forget has a node that is lost be unknown.
func (w *world) forget(name string) {
	if n := w.Node(name); n == nil || n.Alive() {
		w.fatal("forget %s: it is alive, or unknown", name)
	}
	w.Nodes = slices.DeleteFunc(slices.Clone(w.Nodes), func(n Node) bool { return n.Name == name })
	w.Version++
	maps.DeleteFunc(w.homes, func(_ Instance, home string) bool { return home == name })
}

// drain has a node drain, or not any more, if it is known.
func (w *world) drain(name string, draining bool) {
	if after, err := w.Drain(name, draining); err == nil {
		w.State = after
	}
}

func (w *world) machine(name string) *machine {
	if n := w.Node(name); n != nil {
		return w.machines[n.Incarnation]
	}
	return nil
}

// read has a machine take up its plan; from then on it starts nothing else.
func (w *world) read(name string) {
	if m, n := w.machine(name), w.Node(name); m != nil {
		m.seen = n.Plan
	}
}

// stop has a machine let go of what is not in the plan that it goes by.
func (w *world) stop(name string) {
	m := w.machine(name)
	if m == nil || m.seen.Version == 0 { // it was just started: it knows of nothing that it would have to stop
		return
	}
	maps.DeleteFunc(m.runs, func(i Instance, c Condition) bool {
		return !slices.ContainsFunc(m.seen.Instances, func(p Planned) bool { return p.Instance == i && p.Epoch == c.Epoch })
	})
}

// view is the state as a machine sees it: of itself it knows what is.
func (w *world) view(name string) *State {
	view, m := w.State, w.machine(name)
	view.Nodes = slices.Clone(view.Nodes)
	own := view.Node(name)
	own.Plan, own.Report = m.seen, Report{Plan: m.seen.Version, Instances: m.runs}
	return &view
}

// start has a machine start what it may.
func (w *world) start(name string) {
	m, n := w.machine(name), w.Node(name)
	if m == nil {
		return
	}
	for _, p := range m.seen.Instances {
		c, runs := m.runs[p.Instance]
		if runs && c.Epoch == p.Epoch || w.view(name).WaitsFor(name, p) != "" {
			continue
		}
		if runs {
			w.fatal("%s starts %s, and runs it still", name, w.called(p.Instance))
		}
		if p.Epoch <= w.epochs[p.Instance] {
			w.fatal("%s starts %s at epoch %d, and it had %d", name, w.called(p.Instance), p.Epoch, w.epochs[p.Instance])
		}
		if !w.keep(n, p) {
			continue
		}
		w.epochs[p.Instance] = p.Epoch
		w.sticks(n, p)
		phase := Running
		if m.slow {
			phase = Starting
		}
		m.runs[p.Instance] = Condition{Epoch: p.Epoch, Revision: p.Revision, Phase: phase, Since: w.now}
	}
}

// sticks looks whether an instance has a sticky volume elsewhere: it may have run at a revision without any meanwhile. What is started though it was taken from the node before its
// volume was a sticky one has none there.
func (w *world) sticks(n *Node, p Planned) {
	if home := w.homes[p.Instance]; home != n.Name && w.has(home, p.Instance) {
		w.fatal("%s starts %s, which has a sticky volume on %s", n.Name, w.called(p.Instance), home)
	}
	if w.Job(p.Job).Spec.Sticky() && w.Spec(p.Job, p.Revision).Needs().Local > 0 && slices.ContainsFunc(n.Plan.Instances, func(q Planned) bool { return q.Instance == p.Instance }) {
		w.homes[p.Instance] = n.Name
	}
}

// keep has a node have the volumes of an instance. Those that are left over go if their room is needed. If there is none nevertheless
// it is for another time.
func (w *world) keep(n *Node, p Planned) bool {
	for _, v := range w.Spec(p.Instance.Job, p.Revision).Containers["main"].Volumes {
		owner := Instance{Job: p.Instance.Job}
		switch {
		case v.Type == job.Local:
			owner.ID = p.ID
		case n.Labels[StorageLabel] != "":
			continue
		}
		if w.crowded(n, owner, v) {
			w.clean(n.Name, w.State)
		}
		if w.crowded(n, owner, v) {
			return false
		}
		w.use(n.Name, owner, v, p.Epoch)
	}
	return true
}

// has tells whether a node's disk has a volume.
func (w *world) has(node string, owner Instance) bool {
	return has(&Node{Volumes: w.disks[node]}, owner)
}

// crowded tells whether there is no room for a volume.
func (w *world) crowded(n *Node, owner Instance, v job.Volume) bool {
	used, more := int64(0), int64(v.Space)
	for _, there := range w.disks[n.Name] {
		used += there.Space
		if there.Instance == owner && there.Name == v.KeptAs("main") {
			more = max(0, more-there.Space)
		}
	}
	return more > 0 && used+more > n.Capacity.Disk
}

// clean has a machine remove the volumes that are stale by a state that may be an old one, but not older than its plan.
func (w *world) clean(name string, s State) {
	m := w.machine(name)
	if m == nil || s.Version < m.seen.Version || s.Node(name) == nil {
		return
	}
	s = s.As(name, m.seen, Report{Plan: m.seen.Version, Instances: m.runs})
	s.Node(name).Volumes = w.disks[name]
	stale := Stale(s, name)
	w.disks[name] = slices.DeleteFunc(slices.Clone(w.disks[name]), func(v Volume) bool {
		return slices.ContainsFunc(stale, func(s Leftover) bool { return s.Volume == v })
	})
}

// use has a node's disk have a volume, used at an epoch.
func (w *world) use(node string, owner Instance, v job.Volume, epoch int64) {
	disk := slices.Clone(w.disks[node])
	if at := slices.IndexFunc(disk, func(has Volume) bool { return has.Instance == owner && has.Name == v.KeptAs("main") }); at >= 0 {
		disk[at].Epoch, disk[at].Space = max(disk[at].Epoch, epoch), max(disk[at].Space, int64(v.Space))
	} else {
		disk = append(disk, Volume{owner, v.KeptAs("main"), int64(v.Space), epoch})
	}
	w.disks[node] = disk
}

// volumes are those that living nodes say they have.
func (w *world) volumes() (lines []string) {
	for _, n := range w.Nodes {
		for _, v := range n.Volumes {
			lines = append(lines, fmt.Sprintf("%s: %s %s e%d", n.Name, w.called(v.Instance), v.Name, v.Epoch))
		}
	}
	return lines
}

// heal has what runs on a machine come up.
func (w *world) heal(name string) {
	m := w.machine(name)
	if m == nil {
		return
	}
	for i, c := range m.runs {
		if spec := w.Spec(i.Job, c.Revision); spec != nil && spec.Containers["main"].Image != "broken" && !m.sick && c.Phase == Running {
			c.Healthy, c.Settled = true, true
			m.runs[i] = c
		}
	}
}

// report has a machine say what is there.
func (w *world) report(name string) {
	if m, n := w.machine(name), w.Node(name); m != nil {
		n.Report, n.Volumes = Report{Plan: m.seen.Version, Instances: maps.Clone(m.runs), Unfit: m.unfit}, w.disks[name]
		for _, p := range m.seen.Instances {
			if _, there := m.runs[p.Instance]; !there {
				n.Report.Instances[p.Instance] = Condition{Epoch: p.Epoch, Revision: p.Revision, Phase: Waiting}
			}
		}
	}
}

// work has all machines do what they are to do, once.
func (w *world) work() {
	for _, act := range []func(string){w.read, w.stop, w.report, w.start, w.heal, w.report} {
		for i := range w.Nodes {
			act(w.Nodes[i].Name)
			w.check()
		}
	}
}

// current is the state as whoever decides has it.
func (w *world) current() State {
	w.look()
	return w.State
}

// decide takes a decision from a state, which may be an old one, and writes it unless another was written since.
func (w *world) decide(s State) (Decision, bool) {
	d, err := Decide(s, w.now)
	if err != nil {
		w.fatal("%v", err)
	}
	turned := s
	turned.Nodes, turned.Jobs = slices.Clone(s.Nodes), slices.Clone(s.Jobs)
	slices.Reverse(turned.Nodes)
	slices.Reverse(turned.Jobs)
	if other, err := Decide(turned, w.now); err != nil || fmt.Sprint(other.Plans, other.Waits, other.Events, other.Removed) != fmt.Sprint(d.Plans, d.Waits, d.Events, d.Removed) {
		w.fatal("in another order it is decided otherwise:\n%v\n%v (%v)", other, d, err)
	}
	if s.Version != w.Version {
		return d, false
	}
	if w.atOnce > 0 && w.atOnce < d.Size() {
		part := d.First(w.atOnce)
		if part.Size() == 0 || part.Size() > w.atOnce {
			w.fatal("%d records of %+v are %+v", w.atOnce, d, part)
		}
		w.State = apply(w.State, part)
		w.check()
		return part, true
	}
	w.State = apply(w.State, d)
	w.check()
	after := apply(s, d)
	again, err := Decide(after, w.now)
	for range w.afterthoughts {
		after = apply(after, again)
		again, err = Decide(after, w.now)
	}
	if err != nil || again.Changed() {
		w.fatal("after\n%s\nthere is more:\n%s\n%+v\n(%v)", strings.Join(w.words(d), "\n"), strings.Join(w.words(again), "\n"), again.Plans, err)
	}
	return d, true
}

// apply writes a decision. What has changed by it has not been so for any time.
func apply(s State, d Decision) State {
	if !d.Changed() {
		return s
	}
	before := s.Steps()
	s.Version = d.Version
	s.Nodes, s.Jobs = slices.Clone(s.Nodes), slices.Clone(s.Jobs)
	for name, plan := range d.Plans {
		s.Node(name).Plan, s.Node(name).Steady = plan, 0
	}
	for _, j := range d.Jobs {
		*s.Job(j.UID) = j
	}
	for uid, step := range s.Steps() {
		if step != before[uid] {
			s.Job(uid).Waited = 0
		}
	}
	s.Jobs = slices.DeleteFunc(s.Jobs, func(j Job) bool { return slices.Contains(d.Removed, j.UID) })
	return s
}

// settle decides and works until nothing changes.
func (w *world) settle() (d Decision) {
	for range 100 {
		before := fmt.Sprint(w.State)
		for {
			if d, _ = w.decide(w.current()); !d.Changed() {
				break
			}
		}
		w.work()
		if fmt.Sprint(w.State) == before {
			return d
		}
	}
	w.fatal("no end: %v", w.State)
	return d
}

// check looks at the laws.
func (w *world) check() {
	for _, j := range w.Jobs {
		w.specs[revision{j.UID, j.Revision}] = &j.Spec
	}
	running := map[Instance]string{}
	for _, incarnation := range slices.Sorted(maps.Keys(w.machines)) {
		m := w.machines[incarnation]
		var used placement.Resources
		var names []string
		var ports []job.Port
		for i, c := range m.runs {
			if other, twice := running[i]; twice {
				w.fatal("%s runs on %s and on %s", w.called(i), other, incarnation)
			}
			running[i] = incarnation
			if spec := w.specs[revision{i.Job, c.Revision}]; spec != nil {
				n := w.Node(m.node)
				if spec.Needs().Local > 0 && !w.has(m.node, i) || spec.Needs().Shared > 0 && n.Labels[StorageLabel] == "" && !w.has(m.node, Instance{Job: i.Job}) {
					w.fatal("%s runs %s without its volumes", m.node, w.called(i))
				}
				if collide(spec.HostPorts(), ports) {
					w.fatal("%s runs %s, and another that has a port of it", m.node, w.called(i))
				}
				ports = append(ports, spec.HostPorts()...)
				used.Memory += int64(spec.Needs().Memory)
				names = append(names, w.called(i))
			}
		}
		if n := w.Node(m.node); used.Memory > n.Capacity.Memory {
			slices.Sort(names)
			w.fatal("%s runs %v, %d of %d bytes", m.node, names, used.Memory, n.Capacity.Memory)
		}
	}
	maps.DeleteFunc(w.homes, func(i Instance, _ string) bool {
		j := w.Job(i.Job)
		return j == nil || !j.Spec.Sticky() || j.scaledBelow(i.ID)
	})
	planned := map[Instance]string{}
	for i := range w.Nodes {
		for _, v := range Stale(w.State, w.Nodes[i].Name) {
			later := func(n Node) bool { return n.Alive() && used(&n, v.Instance) > v.Epoch }
			if v.Why == Superseded && !slices.ContainsFunc(w.Nodes, later) {
				w.fatal("a volume of %s may go from %s, and there is no later one", w.called(v.Instance), w.Nodes[i].Name)
			}
		}
		for _, p := range w.Nodes[i].Plan.Instances {
			if other, twice := planned[p.Instance]; twice {
				w.fatal("%s is planned on %s and on %s", w.called(p.Instance), other, w.Nodes[i].Name)
			}
			planned[p.Instance] = w.Nodes[i].Name
			if p.Epoch > w.Version {
				w.fatal("%s has epoch %d at version %d", w.called(p.Instance), p.Epoch, w.Version)
			}
		}
	}
}

func (w *world) called(i Instance) string {
	if j := w.Job(i.Job); j != nil {
		return j.Spec.Name + "-" + i.ID
	}
	return i.Job + "-" + i.ID
}

// lines are the plans as they are.
func (w *world) plans() (lines []string) {
	for i := range w.Nodes {
		n := &w.Nodes[i]
		var parts []string
		for _, p := range n.Plan.Instances {
			text := fmt.Sprintf("%s r%d e%d", w.called(p.Instance), p.Revision, p.Epoch)
			for _, a := range p.After {
				text += fmt.Sprintf(" after %s e%d", a.Incarnation, a.Epoch)
			}
			parts = append(parts, text)
		}
		for _, l := range n.Plan.Leaving {
			parts = append(parts, fmt.Sprintf("(%s e%d leaving since %d)", w.called(l.Instance), l.Epoch, l.Version))
		}
		state := ""
		switch {
		case !n.Alive():
			state = " (lost)"
		case n.Draining:
			state = " (draining)"
		}
		if len(parts) == 0 {
			parts = []string{"nothing"}
		}
		lines = append(lines, fmt.Sprintf("%s%s: %s", n.Name, state, strings.Join(parts, ", ")))
	}
	return lines
}
