package converge_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/node/converge"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
)

// A world is one machine that does what converge says, when it comes to it.
type world struct {
	machine *converge.Machine
	state   schedule.State
	now     time.Time
	cease   time.Time
	leave   bool
	again   time.Time

	pods   map[schedule.Instance]*pod            // what is on the machine, in truth
	under  map[schedule.Instance]converge.Action // what is under way
	cut    map[schedule.Instance]bool            // and was told to end
	began  map[schedule.Instance]int64           // the greatest epoch at which anything of it was made
	passed map[schedule.Instance]map[int64]bool  // the epochs that were reported gone
	fatal  func(format string, args ...any)
}

type pod struct {
	epoch, revision int64
	lost            bool // its network
	containers      map[string]*converge.Facts
}

var begin = time.Unix(1e9, 0).UTC()

func newWorld(fatal func(format string, args ...any)) *world {
	w := &world{machine: converge.New("n1", "first"), now: begin, pods: map[schedule.Instance]*pod{}, under: map[schedule.Instance]converge.Action{},
		cut: map[schedule.Instance]bool{}, began: map[schedule.Instance]int64{}, passed: map[schedule.Instance]map[int64]bool{}, fatal: fatal}
	w.state.Nodes = []schedule.Node{{Name: "n1", Incarnation: "first", Capacity: placement.Resources{Memory: 1e12, Disk: 1e12, CPU: 1e6}}}
	return w
}

// here is the machine's node.
func (w *world) here() *schedule.Node { return w.state.Node("n1") }

// plan has these be planned, and what was planned before be leaving.
func (w *world) plan(planned []schedule.Planned) {
	w.state.Version++
	w.here().Plan = schedule.Plan{Version: w.state.Version, Incarnation: "first", Instances: planned}
}

// put has a job be as it is, at its next revision.
func (w *world) put(j job.Job) {
	w.state = w.state.Put(j.Name, j.Default())
}

// step has the machine say what to do, which is under way from then on.
func (w *world) step() (actions []converge.Action) {
	actions, w.again = w.machine.Step(converge.Input{Now: w.now, State: w.state, Cease: w.cease, Leave: w.leave})
	for _, a := range actions {
		under, busy := w.under[a.Instance]
		switch {
		case a.Verb == converge.Cut:
			if !busy || w.cut[a.Instance] {
				w.fatal("%v is cut, and %v is under way", a.Instance, under.Verb)
			}
			w.cut[a.Instance] = true
			continue
		case busy:
			w.fatal("%s of %v while %s of it is under way", a.Verb, a.Instance, under.Verb)
		}
		w.under[a.Instance] = a
	}
	w.check()
	return actions
}

// finish ends the action that is under way for an instance: done, or failed, before or after it had its effect.
func (w *world) finish(i schedule.Instance, fault string, effect bool) {
	a := w.under[i]
	delete(w.under, i)
	delete(w.cut, i)
	if effect {
		w.act(a)
	}
	w.machine.Done(w.now, converge.Result{Instance: i, Fault: fault, Pod: w.facts(i, a)})
	w.check()
}

// act has an action have its effect.
func (w *world) act(a converge.Action) {
	there := w.pods[a.Instance]
	switch a.Verb {
	case converge.Make:
		if there != nil && there.epoch != a.Epoch {
			w.fatal("%v is made at epoch %d while epoch %d of it is there", a.Instance, a.Epoch, there.epoch)
		}
		if w.passed[a.Instance][a.Epoch] {
			w.fatal("%v is made at epoch %d, of which was reported that it is gone", a.Instance, a.Epoch)
		}
		w.began[a.Instance] = a.Epoch
		made := &pod{epoch: a.Epoch, revision: a.Revision, containers: map[string]*converge.Facts{}}
		for name := range a.Spec.Containers {
			made.containers[name] = &converge.Facts{}
		}
		w.pods[a.Instance] = made
	case converge.Start:
		c := there.containers[a.Container]
		*c = converge.Facts{State: converge.Running, Started: w.now}
	case converge.End:
		w.die(there.containers[a.Container], 0)
	case converge.Remove:
		delete(w.pods, a.Instance)
	}
}

func (w *world) die(c *converge.Facts, code int) {
	if c.State == converge.Running {
		c.State, c.Ended, c.ExitCode = converge.Ended, w.now, code
	}
}

// facts are what an action finds.
func (w *world) facts(i schedule.Instance, a converge.Action) *converge.Pod {
	there := w.pods[i]
	if there == nil || there.epoch != a.Epoch || a.Verb == converge.Remove {
		return nil
	}
	p := &converge.Pod{Containers: map[string]converge.Facts{}, Address: "10.0.0.1"}
	for name, c := range there.containers {
		p.Containers[name] = *c
	}
	if there.lost {
		p.Address = ""
	}
	return p
}

// check looks at the laws.
func (w *world) check() {
	report := w.machine.Report()
	for i, p := range w.pods {
		if w.passed[i][p.epoch] {
			w.fatal("%v is there at epoch %d, which was reported to be gone", i, p.epoch)
		}
		if c, told := report.Instances[i]; !told || c.Epoch > p.epoch || c.Phase == schedule.Waiting {
			w.fatal("%v is there at epoch %d, and reported as %+v", i, p.epoch, c)
		}
	}
	// Whatever decides takes what is neither planned nor reported for gone: that is for ever.
	for i, epoch := range w.began {
		c, told := report.Instances[i]
		planned := slices.ContainsFunc(w.here().Plan.Instances, func(p schedule.Planned) bool { return p.Instance == i && p.Epoch == epoch })
		if report.Plan == w.here().Plan.Version && !planned && (!told || c.Epoch > epoch) {
			if w.passed[i] == nil {
				w.passed[i] = map[int64]bool{}
			}
			w.passed[i][epoch] = true
		}
	}
}

// words are actions as people say them.
func words(actions []converge.Action) (lines []string) {
	for _, a := range actions {
		line := fmt.Sprintf("%s %s-%s@%d", a.Verb, a.Instance.Job, a.Instance.ID, a.Epoch)
		if a.Container != "" {
			line += " " + a.Container
		}
		if a.Within > 0 {
			line += " within " + a.Within.String()
		}
		lines = append(lines, line)
	}
	return lines
}

// conditions are what is reported, as people say it.
func (w *world) conditions() (lines []string) {
	report := w.machine.Report()
	ids := slices.SortedFunc(maps.Keys(report.Instances), func(a, b schedule.Instance) int { return strings.Compare(a.Job+a.ID, b.Job+b.ID) })
	for _, i := range ids {
		c := report.Instances[i]
		line := fmt.Sprintf("%s-%s@%d %s", i.Job, i.ID, c.Epoch, c.Phase)
		if c.Healthy {
			line += " healthy"
		}
		if c.Settled {
			line += " settled"
		}
		if c.Restarts > 0 {
			line += fmt.Sprintf(" restarts=%d", c.Restarts)
			for _, name := range slices.Sorted(maps.Keys(c.Containers)) {
				if one := c.Containers[name]; one.Restarts > 0 {
					line += fmt.Sprintf(" exit=%d", one.ExitCode)
				}
			}
		}
		if c.Message != "" {
			line += ": " + c.Message
		}
		lines = append(lines, line)
	}
	return lines
}
