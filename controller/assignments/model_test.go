package assignments

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"teamtask.dev/api/v1alpha1"
)

// world is an API server with one Assignment, one ConfigMap and one pod's name; who decides what the worker is to run, two who publish
// it, two who look after the worker, and a kubelet. Each read and each write is a step of its own, and anybody may stop between two.
type world struct {
	refresh v1alpha1.RefreshPolicy

	assignment  v1alpha1.Assignment
	version     int // of the Assignment as an object: every write changes it
	parts       map[int64][]string
	published   *v1alpha1.Published
	mapVersion  int
	pod         *process
	born        int
	restarts    int
	publishers  [2]publisher
	controllers [2]looker
}

// process is a pod with its program.
type process struct {
	uid     types.UID
	leaving bool
	touched string
	file    *v1alpha1.PublishedPart // what the kubelet has given it; nil: it has not started
	runs    *v1alpha1.PublishedPart // what the program has read and runs
}

// publisher is half-way through: read the ConfigMap, then the Assignment, then write the ConfigMap.
type publisher struct {
	at         int
	mapVersion int
	published  *v1alpha1.Published
	assignment v1alpha1.Assignment
}

// looker is a controller that is half-way through a look.
type looker struct {
	at      int
	version int
	s       Situation
	plan    Plan
	waited  time.Duration
}

func newWorld(refresh v1alpha1.RefreshPolicy) *world {
	w := &world{refresh: refresh, parts: map[int64][]string{0: nil}}
	w.assignment.Name, w.assignment.UID = "s.w", "slot"
	w.assignment.Spec = v1alpha1.AssignmentSpec{Swarm: "s", Worker: "w"}
	w.assignment.Status.SetPhase(v1alpha1.AssignmentPending, "", now)
	return w
}

// decide gives the slot other workloads, as package handover does: what is taken away stays in the Assignment until it is
// acknowledged.
func (w *world) decide(names []string) {
	a := w.assignment.DeepCopy()
	if a.Status.Incarnation == "" {
		return // nothing is granted to a worker that is not known yet
	}
	a.Spec.Incarnation = a.Status.Incarnation
	next := a.Spec.Version + 1
	pending := slices.DeleteFunc(a.Spec.Revoked, func(r v1alpha1.Revocation) bool {
		return r.Version <= a.Status.Version || slices.Contains(names, r.Name)
	})
	for _, g := range a.Spec.Workloads {
		if !slices.Contains(names, g.Name) {
			pending = append(pending, v1alpha1.Revocation{Name: g.Name, Epoch: g.Epoch, Version: next})
		}
	}
	part(a, next, names...)
	a.Spec.Revoked = pending
	w.parts[next] = names
	w.assignment, w.version = *a, w.version+1
}

// publish takes one step of a publisher.
func (w *world) publish(p *publisher) {
	switch p.at {
	case 0:
		p.published, p.mapVersion = w.published, w.mapVersion
	case 1:
		p.assignment = *w.assignment.DeepCopy()
	case 2:
		if p.mapVersion == w.mapVersion {
			spec := &p.assignment.Spec
			jobs := make([]string, 0)
			for _, g := range spec.Workloads {
				jobs = append(jobs, g.Name)
			}
			entry := &v1alpha1.PublishedPart{Jobs: jobs, Version: spec.Version}
			if old := p.published.Of("w"); old != nil && slices.Equal(old.Jobs, jobs) {
				entry = old
			}
			if p.published == nil || p.published.Version < spec.Version || p.published.Of("w") != entry {
				w.published = &v1alpha1.Published{Version: spec.Version, Workloads: map[string]*v1alpha1.PublishedPart{"w": entry}}
				w.mapVersion++
			}
		}
		*p = publisher{}
		return
	}
	p.at++
}

// look takes one step of a controller, and tells whether a look ended that had nothing to do.
func (w *world) look(c *looker) (idle bool) {
	switch c.at {
	case 0:
		*c = looker{version: w.version, waited: c.waited, s: Situation{Now: now, Assignment: w.assignment.DeepCopy(), Behind: c.waited,
			Swarm: &v1alpha1.SwarmSpec{Refresh: w.refresh, ConfigMap: "parts", Pool: &v1alpha1.PoolReference{Kind: "StatefulSet", Name: "w"}, VersionFrom: &v1alpha1.VersionSource{Port: 80}}}}
	case 1:
		c.s.Published = w.published
	case 2:
		c.s.Pod = w.see()
		c.plan = Decide(c.s)
	case 3:
		if !c.plan.Ask {
			break
		}
		was := c.s.Pod.UID
		answer := &Answer{Trouble: "no answer"}
		if w.pod != nil && w.pod.runs != nil {
			answer = &Answer{Version: w.pod.runs.Version}
		}
		if c.s.Pod = w.see(); c.s.Pod == nil || c.s.Pod.UID != was {
			*c = looker{waited: c.waited}
			return false
		}
		c.s.Answer = answer
		c.plan = Decide(c.s)
	case 4:
		if !c.plan.Write {
			break
		}
		if c.version == w.version {
			w.assignment.Status = c.plan.Status
			w.version++
		}
		*c = looker{waited: c.waited}
		return false
	case 5:
		if p := w.pod; p != nil && p.uid == c.s.Pod.uid() {
			if c.plan.Touch != "" {
				p.touched = c.plan.Touch
			}
			if c.plan.Restart != "" && !p.leaving {
				p.leaving = true
				w.restarts++
			}
		}
		idle = c.plan.Touch == "" && c.plan.Restart == ""
		*c = looker{waited: c.waited}
		return idle
	}
	c.at++
	return false
}

func (p *Pod) uid() types.UID {
	if p == nil {
		return ""
	}
	return p.UID
}

// see is the pod as it is.
func (w *world) see() *Pod {
	if w.pod == nil {
		return nil
	}
	return &Pod{UID: w.pod.uid, Own: true, Leaving: w.pod.leaving, Touched: w.pod.touched, Address: "10.0.0.1"}
}

// mount has the kubelet give the pod the ConfigMap as it is.
func (w *world) mount() {
	if w.pod != nil {
		if e := w.published.Of("w"); e != nil {
			w.pod.file = e
		} else {
			w.pod.file = &v1alpha1.PublishedPart{}
		}
	}
}

// begin has the program read what it was given. With Restart it does so once in its life.
func (w *world) begin() {
	if p := w.pod; p != nil && p.file != nil && (p.runs == nil || w.refresh == v1alpha1.RefreshReload) {
		p.runs = p.file
	}
}

// check makes sure that the pod runs nothing that it was acknowledged to have let go of.
func (w *world) check(t *rapid.T) {
	if w.pod == nil || w.pod.runs == nil {
		return
	}
	for _, job := range w.pod.runs.Jobs {
		allowed := false
		for version, names := range w.parts {
			allowed = allowed || version >= w.assignment.Status.Version && slices.Contains(names, job)
		}
		if !allowed {
			t.Fatalf("the pod runs %s (version %d), and version %d is acknowledged, of %v", job, w.pod.runs.Version, w.assignment.Status.Version, w.parts)
		}
	}
}

// A slot never acknowledges that something was let go of while its pod runs it, or a later one will; once nothing changes any more
// it acknowledges everything, and restarts its pod at most once for that.
func TestSlotModel(t *testing.T) {
	for _, refresh := range []v1alpha1.RefreshPolicy{v1alpha1.RefreshRestart, v1alpha1.RefreshReload} {
		t.Run(string(refresh), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { live(t, newWorld(refresh)) })
		})
	}
}

func live(t *rapid.T, w *world) {
	create := func() {
		if w.pod == nil {
			w.born++
			w.pod = &process{uid: types.UID(fmt.Sprint("pod-", w.born))}
		}
	}
	controller := func(t *rapid.T) *looker { return &w.controllers[rapid.IntRange(0, 1).Draw(t, "controller")] }
	publisher := func(t *rapid.T) *publisher { return &w.publishers[rapid.IntRange(0, 1).Draw(t, "publisher")] }
	acknowledged := int64(0)
	t.Repeat(map[string]func(*rapid.T){
		"": func(t *rapid.T) {
			w.check(t)
			if v := w.assignment.Status.Version; v < acknowledged {
				t.Fatalf("version %d is acknowledged, after %d", v, acknowledged)
			} else {
				acknowledged = v
			}
		},
		"decide": func(t *rapid.T) {
			all := []string{"a", "b", "c"}
			w.decide(slices.DeleteFunc(all, func(string) bool { return rapid.Bool().Draw(t, "without") }))
		},
		"publish": func(t *rapid.T) {
			p := publisher(t)
			for range rapid.IntRange(1, 3).Draw(t, "steps") {
				w.publish(p)
			}
		},
		"look": func(t *rapid.T) {
			c := controller(t)
			for range rapid.IntRange(1, 6).Draw(t, "steps") {
				w.look(c)
			}
		},
		"work": func(t *rapid.T) { // all goes well for a while
			c, p := controller(t), publisher(t)
			for w.publish(p); p.at != 0; w.publish(p) {
			}
			for range 2 {
				for w.look(c); c.at != 0; w.look(c) {
				}
			}
		},
		"crash": func(t *rapid.T) { controller(t).at = 0 },
		"wait": func(t *rapid.T) {
			controller(t).waited = rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "waited")
		},
		"create": func(t *rapid.T) { create() },
		"replace": func(t *rapid.T) { // by one that reads at once, what may be out of date the next moment
			w.pod = nil
			create()
			w.mount()
			w.begin()
		},
		"mount": func(t *rapid.T) { w.mount() },
		"begin": func(t *rapid.T) { w.begin() },
		"container restarts": func(t *rapid.T) {
			if w.pod != nil {
				w.pod.runs = nil
			}
		},
		"end": func(t *rapid.T) { w.pod = nil },
	})
	w.converge(t, create)
}

// converge lets everything go well, and changes nothing any more.
func (w *world) converge(t *rapid.T, create func()) {
	w.controllers, w.publishers = [2]looker{}, [2]publisher{}
	w.restarts = 0
	if w.pod != nil && w.pod.leaving {
		w.pod = nil
	}
	c, p := &w.controllers[0], &w.publishers[0]
	for round := 0; ; round++ {
		if round > 20 {
			t.Fatalf("no end: %+v, pod %+v", w.assignment, w.pod)
		}
		create()
		if w.pod.file == nil || w.pod.touched != "" {
			w.mount()
		}
		w.begin()
		for w.publish(p); p.at != 0; w.publish(p) {
		}
		idle := w.look(c)
		for ; c.at != 0; idle = w.look(c) {
		}
		w.check(t)
		if w.pod.leaving {
			w.pod = nil
			continue
		}
		if idle && w.assignment.Status.Version == w.assignment.Spec.Version {
			break
		}
	}
	if w.restarts > 1 {
		t.Fatalf("the pod was restarted %d times", w.restarts)
	}
	if runs, parts := w.pod.runs.Jobs, w.parts[w.assignment.Spec.Version]; !slices.Equal(runs, parts) && len(runs)+len(parts) > 0 {
		t.Fatalf("it runs %v, and is to run %v (of %v)", runs, parts, slices.Sorted(maps.Keys(w.parts)))
	}
}
