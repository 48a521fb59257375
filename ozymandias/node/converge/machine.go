package converge

import (
	"maps"
	"slices"
	"time"

	"teamtask.dev/ozymandias/schedule"
)

// A Machine is what one incarnation of a node knows of the instances on it.
type Machine struct {
	node, incarnation string
	plan              schedule.Plan
	instances         map[schedule.Instance]*instance
}

// New returns the machine of a node's incarnation, with nothing on it.
func New(node, incarnation string) *Machine {
	return &Machine{node: node, incarnation: incarnation, instances: map[schedule.Instance]*instance{}}
}

// Adopt takes in what was on the machine before. The state is to tell what it runs; until the first step none of it is planned.
func (m *Machine) Adopt(now time.Time, state schedule.State, found ...Found) {
	for _, f := range found {
		if i := m.instances[f.Instance]; i != nil {
			// None of several is to stay. Until all are removed, the first epoch is the one that nobody may take for gone.
			i.spoiled, i.epoch = true, min(i.epoch, f.Epoch)
			i.assess(now)
			continue
		}
		i := &instance{Instance: f.Instance, there: true, made: f.Pod.begun(), name: f.Name, epoch: f.Epoch, revision: f.Revision,
			spec: state.Spec(f.Instance.Job, f.Revision)}
		i.restore(f.Was, f.Pod)
		i.take(now, f.Pod)
		m.instances[f.Instance] = i
		i.assess(now)
	}
}

// Done takes in what came of an action.
func (m *Machine) Done(now time.Time, r Result) {
	if i := m.instances[r.Instance]; i != nil {
		i.done(now, r)
	}
}

// Doubt has the machine look at an instance: something has happened to it, or is said to have.
func (m *Machine) Doubt(i schedule.Instance) {
	if i := m.instances[i]; i != nil {
		i.doubt = true
	}
}

// Note has people be told what the action waits for that makes an instance.
func (m *Machine) Note(i schedule.Instance, text string) {
	if i := m.instances[i]; i != nil && i.doing == Make {
		i.note = text
	}
}

// An Input is what a step goes by.
type Input struct {
	Now time.Time
	// State is that of the cluster, perhaps not the newest.
	State schedule.State
	// Cease is zero as long as the lease is held. Else it is when everything has to have stopped that is not to be kept running in
	// a partition; nothing is started any more.
	Cease time.Time
	// Leave says that the node is to run nothing any more, whatever the plan says.
	Leave bool
}

// Step says what to do now, and when to look again if nothing happens; zero for never. After it, the report is that of this moment.
func (m *Machine) Step(in Input) (actions []Action, again time.Time) {
	m.follow(&in.State)
	if in.Leave {
		m.assign(nil)
	}
	for _, id := range m.sorted() {
		i := m.instances[id]
		if spec := in.State.Spec(i.Job, i.revision); spec != nil && i.there {
			i.spec = spec
		}
		action, at := i.next(in)
		if action.Verb != "" {
			actions = append(actions, action)
		}
		again = earlier(again, at)
		if i.planned == nil && !i.there {
			delete(m.instances, id)
			continue
		}
		again = earlier(again, i.assess(in.Now))
	}
	if in.Cease.IsZero() && !in.Leave {
		actions = append(actions, m.admit(in)...)
	}
	return actions, again
}

// follow takes up the plan.
func (m *Machine) follow(state *schedule.State) {
	here := state.Node(m.node)
	if here == nil || here.Plan.Version <= m.plan.Version {
		return
	}
	m.plan = here.Plan
	if m.plan.Incarnation != m.incarnation {
		m.plan.Instances = nil // it is for a predecessor: see [schedule.Plan]
	}
	m.assign(m.plan.Instances)
}

// assign has these be planned, and nothing else.
func (m *Machine) assign(planned []schedule.Planned) {
	was := map[schedule.Instance]*schedule.Planned{}
	for id, i := range m.instances {
		was[id], i.planned = i.planned, nil
	}
	for _, p := range planned {
		i := m.instances[p.Instance]
		if i == nil {
			i = &instance{Instance: p.Instance}
			m.instances[p.Instance] = i
		}
		i.planned = &p
		if before := was[p.Instance]; !i.there && (before == nil || before.Epoch != p.Epoch) {
			i.fault, i.spoils, i.retry = "", 0, time.Time{} // what went wrong before may go well now
		}
	}
}

// admit begins what may begin, one after the other: each takes room, and perhaps ports, from those after it.
func (m *Machine) admit(in Input) (actions []Action) {
	view := in.State.As(m.node, m.plan, m.Report())
	for _, id := range m.sorted() {
		i := m.instances[id]
		if i.there || i.planned == nil || in.Now.Before(i.retry) {
			continue
		}
		if why := view.WaitsFor(m.node, *i.planned); why != "" {
			i.waits = why
			i.assess(in.Now)
			continue
		}
		i.begin(view.Spec(i.Job, i.planned.Revision))
		i.assess(in.Now)
		view = in.State.As(m.node, m.plan, m.Report())
		actions = append(actions, i.act(Make))
	}
	return actions
}

// Report is what to say of the machine.
func (m *Machine) Report() schedule.Report {
	r := schedule.Report{Plan: m.plan.Version, Instances: make(map[schedule.Instance]schedule.Condition, len(m.instances))}
	for id, i := range m.instances {
		r.Instances[id] = i.condition
	}
	return r
}

// A Resident is an instance that has something on the machine, or may have.
type Resident struct {
	schedule.Instance
	Name  string // the job's
	Epoch int64  // of what is there
}

// Residents are all of them.
func (m *Machine) Residents() (there []Resident) {
	for _, id := range m.sorted() {
		if i := m.instances[id]; i.there {
			there = append(there, Resident{id, i.name, i.epoch})
		}
	}
	return there
}

// sorted are the instances that there are, in an order that is always the same.
func (m *Machine) sorted() []schedule.Instance {
	return slices.SortedFunc(maps.Keys(m.instances), schedule.Instance.Compare)
}

// earlier is the first of two times, of which zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
