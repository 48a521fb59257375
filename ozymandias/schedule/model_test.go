package schedule

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
)

// Whatever nodes do and whenever they do it, from whatever state whoever decides: no instance runs twice, epochs grow, no machine
// runs more than it has room for, what an instance left last is never left over, what has a sticky volume runs nowhere else, decisions come to
// an end without news, and with no other than that they are carried out, and are the same whatever the order of what they are made from; and when the trouble is over, everything that is wanted comes up, at the revision that is wanted.
func TestAnyNodeDecidesAtAnyMoment(t *testing.T) {
	rapid.Check(t, model)
}

// FuzzDecide is the same, led by what code is reached.
func FuzzDecide(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(model))
}

// drawJob draws a job as somebody would have it. With room, it is one that works.
func drawJob(t *rapid.T, name string, works bool) job.Job {
	j := job.Job{Name: name, NumInstances: new(rapid.IntRange(0, 4).Draw(t, "instances")), Priority: rapid.IntRange(0, 2).Draw(t, "priority")}
	c := job.Container{Image: rapid.SampledFrom([]string{"v1", "v2", "broken"}).Draw(t, "image"), Memory: job.Size(rapid.IntRange(1, 4).Draw(t, "memory")) * 1e9}
	if works {
		c.Image = "v3"
	}
	switch name {
	case "agent":
		j.Daemon, j.NumInstances = true, nil
	case "db":
		if !rapid.Bool().Draw(t, "without volumes") {
			c.Volumes = []job.Volume{{Type: job.Local, Path: "/data", Space: 1e9, Sticky: rapid.Bool().Draw(t, "sticky")}}
		}
	case "wiki":
		c.Volumes = []job.Volume{{Type: job.Shared, Path: "/data", Space: 1e9}}
	case "proxy", "mail":
		c.Ports = []job.Port{{Host: 80, Container: 80}}
		j.NumInstances = new(1)
	case "batch":
		c.Restart.Policy = job.OnFailure
		j.Update.Rollback = new(rapid.Bool().Draw(t, "goes back"))
	case "one":
		j.Placement.MaxPerNode = rapid.IntRange(1, 2).Draw(t, "per node")
		c.CPUs = job.CPUs(rapid.IntRange(0, 3).Draw(t, "cpus") * 1000)
		j.Update.MaxSurge = rapid.IntRange(0, 2).Draw(t, "surge")
		if works {
			j.Placement.MaxPerNode = 0
		}
	case "zone":
		if !works && rapid.Bool().Draw(t, "requires") {
			j.Placement.Requires = job.Labels{"z": "a"}
		}
		j.Placement.Spread = "z"
	case "both":
		c.Volumes = []job.Volume{{Type: job.Local, Path: "/data", Space: 1e9, Sticky: rapid.Bool().Draw(t, "sticky")}, {Type: job.Shared, Path: "/s", Space: 1e9}}
	case "work":
		j.Worklist = "w"
		if rapid.Bool().Draw(t, "unbounded") {
			j.NumInstances = nil
		}
	case "web":
		j.Update.MaxSurge = rapid.IntRange(0, 2).Draw(t, "surge")
		j.Update.MaxUnavailable = rapid.IntRange(0, 2).Draw(t, "unavailable")
	}
	j.Containers = map[string]job.Container{"main": c}
	j = j.Default()
	if err := j.Validate(); err != nil {
		t.Fatal(err)
	}
	return j
}

var jobNames = []string{"web", "db", "wiki", "proxy", "mail", "agent", "batch", "one", "zone", "work", "both"}

func model(t *rapid.T) {
	w := newWorld(t.Fatalf)
	w.afterthoughts = 3
	w.disk = rapid.SampledFrom([]int64{2e9, 5e9, 1e11}).Draw(t, "disk")
	names := []string{"n1", "n2", "n3"}
	for i, name := range names {
		w.boot(name)
		w.Node(name).Labels = map[string]string{}
		if i < 2 {
			w.Node(name).Labels["z"] = "a"
			if rapid.Bool().Draw(t, "shares") {
				w.Node(name).Labels[StorageLabel] = "s"
			}
		}
	}
	put := func(name string, works bool) {
		w.State = w.Put(fmt.Sprintf("%s.%d", name, w.Version), drawJob(t, name, works))
		w.Version++
	}
	node := func(t *rapid.T) string { return rapid.SampledFrom(names).Draw(t, "node") }
	alive := func(t *rapid.T) string {
		name := node(t)
		if n := w.Node(name); n == nil || !n.Alive() {
			t.Skip("lost")
		}
		return name
	}
	act := func(f func(string)) func(*rapid.T) { return func(t *rapid.T) { f(alive(t)) } }
	old := w.State
	snapshot := func() State {
		s := w.current()
		s.Nodes = slices.Clone(s.Nodes)
		return s
	}
	t.Repeat(map[string]func(*rapid.T){
		"":        func(*rapid.T) { w.check() },
		"decide":  func(*rapid.T) { w.decide(w.current()) },
		"look":    func(*rapid.T) { old = snapshot() },
		"late":    func(*rapid.T) { w.decide(old) },
		"read":    act(w.read),
		"stop":    act(w.stop),
		"start":   act(w.start),
		"heal":    act(w.heal),
		"report":  act(w.report),
		"work":    func(*rapid.T) { w.work() },
		"work on": func(*rapid.T) { w.decide(w.current()); w.work(); w.decide(w.current()); w.work() },
		"settle":  func(*rapid.T) { w.settle() }, // without news from outside it does, whatever room there is
		"change": func(t *rapid.T) {
			name := rapid.SampledFrom([]string{"web", "agent", "db"}).Draw(t, "job")
			for range rapid.IntRange(1, 3).Draw(t, "times") {
				put(name, false)
				w.settle()
			}
		},
		"lose": act(w.lose),
		"outage": func(*rapid.T) {
			for _, name := range names {
				if w.machine(name) != nil {
					w.lose(name)
				}
			}
		},
		"clean":      func(t *rapid.T) { w.clean(alive(t), w.State) },
		"clean late": func(t *rapid.T) { w.clean(alive(t), old) },
		"restart":    func(t *rapid.T) { w.machine(alive(t)).seen = Plan{} },
		"forget": func(t *rapid.T) {
			if n := w.Node(node(t)); n != nil && !n.Alive() {
				w.forget(n.Name)
			}
		},
		"wipe": func(t *rapid.T) {
			if name := node(t); w.machine(name) == nil {
				delete(w.disks, name)
			}
		},
		"unfit": func(t *rapid.T) {
			w.machine(alive(t)).unfit = rapid.SampledFrom([]string{"", "podman is gone"}).Draw(t, "why")
		},
		"load": func(t *rapid.T) { w.Node(alive(t)).Load = rapid.SampledFrom([]float64{0, 2}).Draw(t, "load") },
		"parts": func(t *rapid.T) {
			w.atOnce = rapid.IntRange(1, 3).Draw(t, "records")
			for range rapid.IntRange(1, 3).Draw(t, "times") {
				w.decide(w.current())
			}
			w.atOnce = 0
		},
		"newcomer": func(t *rapid.T) {
			s := w.current()
			for i := range s.Nodes {
				s.Nodes[i].Away, s.Nodes[i].Steady, s.Nodes[i].Overloaded = 0, 0, 0
			}
			for i := range s.Jobs {
				s.Jobs[i].Waited = 0
			}
			w.decide(s)
		},
		"odd":   func(t *rapid.T) { w.Node(alive(t)).Capacity.Disk = math.MaxInt64 },
		"drain": func(t *rapid.T) { w.drain(node(t), rapid.Bool().Draw(t, "drain")) },
		"move": func(t *rapid.T) { // away and perhaps on again, before anybody has stopped anything
			for range rapid.IntRange(1, 3).Draw(t, "moves") {
				name := node(t)
				w.drain(name, true)
				w.decide(w.current())
				w.drain(name, false)
			}
		},
		"pass":     func(t *rapid.T) { w.now = w.now.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "s")) * time.Second) },
		"put":      func(t *rapid.T) { put(rapid.SampledFrom(jobNames).Draw(t, "job"), false) },
		"put, too": func(t *rapid.T) { put(rapid.SampledFrom(jobNames).Draw(t, "job"), false) },
		"remove": func(t *rapid.T) {
			if s, err := w.Remove(rapid.SampledFrom(jobNames).Draw(t, "job")); err == nil {
				w.State = s
				w.Version++
			}
		},
		"boot": func(t *rapid.T) {
			if name := node(t); w.machine(name) == nil {
				w.boot(name)
			}
		},
		"end": func(t *rapid.T) {
			m := w.machine(alive(t))
			for i, c := range m.runs {
				if j := w.Job(i.Job); j != nil && j.Spec.Name == "batch" {
					c.Phase, c.Healthy, c.Settled = rapid.SampledFrom([]Phase{Ended, Broken}).Draw(t, "ends"), false, false
					m.runs[i] = c
				}
			}
		},
		"scale": func(t *rapid.T) {
			if s, err := w.Scale(rapid.SampledFrom(jobNames).Draw(t, "job"), rapid.IntRange(0, 4).Draw(t, "n")); err == nil {
				w.State = s
				w.Version++
			}
		},
		"work for": func(t *rapid.T) {
			w.Jobs = slices.Clone(w.Jobs)
			if j := w.Named("work"); j != nil {
				j.Work = new(rapid.IntRange(0, 5).Draw(t, "n"))
				w.Version++
			}
		},
		"unwell": func(t *rapid.T) {
			m := w.machine(alive(t))
			for i, c := range m.runs {
				c.Healthy, c.Settled = false, false
				m.runs[i] = c
			}
		},
	})
	for _, name := range names {
		if w.machine(name) == nil {
			w.boot(name)
		}
		n := w.Node(name)
		n.Capacity = placement.Resources{Memory: 1e11, Disk: 1e11, CPU: 1e6}
		n.Draining, n.Load, w.machine(name).unfit = false, 0, ""
	}
	for _, name := range jobNames {
		put(name, true)
	}
	w.Named("work").Work = new(3)
	w.atOnce = rapid.IntRange(0, 2).Draw(t, "records of a decision that are written at once")
	d := w.settle()
	if len(d.Waits) > 0 {
		t.Fatalf("it waits: %+v", d.Waits)
	}
	running := map[string][]string{}
	for _, incarnation := range slices.Sorted(maps.Keys(w.machines)) {
		for i, c := range w.machines[incarnation].runs {
			j := w.Job(i.Job)
			if j == nil || c.Revision != j.Revision || !c.Settled {
				t.Fatalf("%s runs %s: %+v", incarnation, w.called(i), c)
			}
			running[j.Spec.Name] = append(running[j.Spec.Name], i.ID)
		}
	}
	for _, j := range w.Jobs {
		want := ordinals(0, j.Spec.Instances())
		if j.Spec.Name == "work" {
			if want = ordinals(0, 3); !j.Spec.Unbounded() {
				want = ordinals(0, min(3, j.Spec.Instances()))
			}
		}
		if j.Spec.Name == "batch" {
			want = slices.DeleteFunc(want, func(id string) bool { _, ended := j.Ended[id]; return ended })
		}
		if j.Spec.Daemon {
			want = names
		}
		got := running[j.Spec.Name]
		slices.Sort(got)
		if !slices.Equal(got, want) || j.Stable != j.Revision && len(want) > 0 && j.Spec.Name != "batch" {
			t.Fatalf("%s runs %v and not %v: %+v", j.Spec.Name, got, want, j)
		}
	}
}
