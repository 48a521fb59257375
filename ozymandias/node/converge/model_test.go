package converge_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/node/converge"
	"teamtask.dev/ozymandias/schedule"
)

// Whatever happens to a machine, and in whatever order results come in: nothing is made of an instance while anything else of it is there;
// what is there is reported; what was reported to be gone is not there and does not come back; and when the trouble is over, what is
// planned runs, and nothing else is left.
func TestWhateverHappens(t *testing.T) { rapid.Check(t, model) }

// FuzzStep is the same, led by what code is reached.
func FuzzStep(f *testing.F) { f.Fuzz(rapid.MakeFuzz(model)) }

var all = []schedule.Instance{{Job: "web", ID: "0"}, {Job: "web", ID: "1"}, {Job: "db", ID: "0"}, {Job: "kept", ID: "0"}}

func model(t *rapid.T) {
	w := newWorld(t.Fatalf)
	restart := rapid.Custom(func(t *rapid.T) job.Restart {
		return rapid.SampledFrom([]job.Restart{{Policy: job.Always}, {Policy: job.OnFailure, Tries: 2}, {Policy: job.Never}}).Draw(t, "restart")
	})
	put := func(name string, restart job.Restart) {
		j := job.Job{Name: name, Containers: map[string]job.Container{
			"main": {Image: "v1", Memory: 64e6, Restart: restart, DependsOn: job.Dependencies{"side": {Condition: job.Healthy}}},
			"side": {Image: "v1", Memory: 64e6, Restart: restart, Healthcheck: &job.Healthcheck{Type: job.TCP, Port: 80}},
		}}
		if name == "kept" {
			j.OnPartition = job.Keep
		}
		w.put(j)
	}
	for _, name := range []string{"web", "db", "kept"} {
		put(name, restart.Draw(t, name))
	}
	any := func(t *rapid.T) schedule.Instance { return rapid.SampledFrom(all).Draw(t, "instance") }
	under := func(t *rapid.T) schedule.Instance {
		ids := slices.SortedFunc(maps.Keys(w.under), func(a, b schedule.Instance) int { return slices.Index(all, a) - slices.Index(all, b) })
		if len(ids) == 0 {
			t.Skip("nothing is under way")
		}
		return rapid.SampledFrom(ids).Draw(t, "under way")
	}
	container := func(t *rapid.T) *converge.Facts {
		p := w.pods[any(t)]
		if p == nil {
			t.Skip("nothing is there")
		}
		return p.containers[rapid.SampledFrom([]string{"main", "side"}).Draw(t, "container")]
	}
	t.Repeat(map[string]func(*rapid.T){
		"": func(*rapid.T) { w.check() },
		"plan": func(t *rapid.T) {
			old := w.here().Plan.Instances
			var planned []schedule.Planned
			for _, i := range all {
				at := slices.IndexFunc(old, func(p schedule.Planned) bool { return p.Instance == i })
				switch what := rapid.SampledFrom([]string{"leave", "none", "new"}).Draw(t, "what"); {
				case what == "leave" && at >= 0:
					planned = append(planned, old[at])
				case what == "new":
					planned = append(planned, schedule.Planned{Instance: i, Epoch: w.state.Version + 1, Revision: w.state.Job(i.Job).Revision})
				}
			}
			w.plan(planned)
		},
		"foreign": func(*rapid.T) {
			w.plan(w.here().Plan.Instances)
			w.here().Plan.Incarnation = "another"
		},
		"step":      func(*rapid.T) { w.step() },
		"step on":   func(*rapid.T) { w.step() },
		"done":      func(t *rapid.T) { w.finish(under(t), "", true) },
		"done, too": func(t *rapid.T) { w.finish(under(t), "", true) },
		"fails":     func(t *rapid.T) { w.finish(under(t), "for whatever reason", rapid.Bool().Draw(t, "after its effect")) },
		"dies":      func(t *rapid.T) { w.die(container(t), rapid.IntRange(0, 1).Draw(t, "code")) },
		"heard":     func(t *rapid.T) { w.machine.Doubt(any(t)) },
		"lost": func(t *rapid.T) {
			if p := w.pods[any(t)]; p != nil {
				p.lost = true
			}
		},
		"verdict": func(t *rapid.T) {
			for _, p := range w.machine.Probes() {
				w.machine.Verdict(p, rapid.Bool().Draw(t, "healthy"), "why")
			}
		},
		"cease": func(t *rapid.T) { w.cease = w.now.Add(2 * time.Second) },
		"held":  func(t *rapid.T) { w.cease = time.Time{} },
		"pass":  func(t *rapid.T) { w.now = w.now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "s")) * time.Second) },
		"restart": func(t *rapid.T) {
			for i, a := range w.under { // podman may have done it, or not
				if rapid.Bool().Draw(t, "done") && (w.pods[i] != nil || a.Verb == converge.Make) {
					w.act(a)
				}
			}
			w.restart()
		},
	})
	w.settle(t)
}

// settle has everything go well until nothing happens any more.
func (w *world) settle(t *rapid.T) {
	w.cease = time.Time{}
	for round := range 200 {
		for _, i := range all {
			if round%10 == 0 {
				w.machine.Doubt(i)
			}
			if p := w.pods[i]; p != nil {
				p.lost = false
			}
		}
		w.step()
		for _, i := range all {
			if _, busy := w.under[i]; busy {
				w.finish(i, "", true)
			}
		}
		for _, p := range w.machine.Probes() {
			w.machine.Verdict(p, true, "")
		}
		w.now = w.now.Add(10 * time.Second)
	}
	w.step()
	planned := map[schedule.Instance]int64{}
	if plan := w.here().Plan; plan.Incarnation == "first" {
		for _, p := range plan.Instances {
			planned[p.Instance] = p.Epoch
		}
	}
	report := w.machine.Report()
	for i, p := range w.pods {
		if planned[i] != p.epoch {
			t.Fatalf("%v is left at epoch %d", i, p.epoch)
		}
	}
	for i, c := range report.Instances {
		over := c.Phase == schedule.Ended || c.Phase == schedule.Broken
		if policy := w.state.Job(i.Job).Spec.Containers["main"].Restart.Policy; planned[i] != c.Epoch || !c.Settled && !(over && policy != job.Always) {
			t.Fatalf("%v is to be at epoch %d, and is reported as %+v", i, planned[i], c)
		}
	}
	if len(report.Instances) != len(planned) || report.Plan != w.here().Plan.Version {
		t.Fatalf("planned are %v, reported %+v", planned, report)
	}
}
