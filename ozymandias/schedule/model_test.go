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
)

// Whatever nodes do and whenever they do it, from whatever state whoever decides: no instance runs twice, epochs grow, no machine
// runs more than it has room for, what an instance left last is never left over, what has a sticky volume runs nowhere else, decisions come to an end without news, and are the same whatever the order of what they
// are made from; and when the trouble is over, everything that is wanted comes up, at the revision that is wanted.
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

var jobNames = []string{"web", "db", "wiki", "proxy", "mail", "agent"}

func model(t *rapid.T) {
	w := newWorld(t.Fatalf)
	w.afterthoughts = 3
	w.disk = rapid.SampledFrom([]int64{2e9, 5e9, 1e11}).Draw(t, "disk")
	names := []string{"n1", "n2", "n3"}
	for _, name := range names {
		w.boot(name)
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
		"lose":    act(w.lose),
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
		n.Capacity.Memory, n.Capacity.Disk, n.Draining, n.Load, w.machine(name).unfit = 1e11, 1e11, false, 0, ""
	}
	for _, name := range jobNames {
		put(name, true)
	}
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
		if j.Spec.Daemon {
			want = names
		}
		got := running[j.Spec.Name]
		slices.Sort(got)
		if !slices.Equal(got, want) || j.Stable != j.Revision && len(want) > 0 {
			t.Fatalf("%s runs %v and not %v: %+v", j.Spec.Name, got, want, j)
		}
	}
}
