package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm"
	"teamtask.dev/swarm/handover"
)

const patience = 30 * time.Second

// world is a swarm with workers that come, go, and answer when they like.
type world struct {
	Situation
	born  int
	slots bool                       // incarnations are those of places, and outlive the processes
	stay  bool                       // parts are emptied rather than deleted
	runs  map[string]map[string]bool // by incarnation, of those that are alive: what they run
	sees  map[string]uint64          // and the version that they go by
	owner map[string]string          // by workload, where it was granted last
}

func newWorld(workers, workloads int) *world {
	w := &world{runs: map[string]map[string]bool{}, sees: map[string]uint64{}, owner: map[string]string{}}
	w.Now = time.Unix(1e9, 0)
	w.Spec.Handover.Patience = &metav1.Duration{Duration: patience}
	for range workers {
		w.start(w.expect())
	}
	for i := range workloads {
		w.Workloads = append(w.Workloads, swarm.Workload{Name: fmt.Sprintf("p%02d", i)})
	}
	return w
}

// expect adds a worker that is not there yet.
func (w *world) expect() int {
	w.Workers = append(w.Workers, Worker{Name: fmt.Sprintf("w%d", len(w.Workers)), Since: w.Now})
	if w.slots {
		w.Workers[len(w.Workers)-1].Incarnation = fmt.Sprintf("slot-%d", len(w.Workers))
	}
	return len(w.Workers) - 1
}

func (w *world) start(i int) {
	worker := &w.Workers[i]
	worker.Since, worker.Draining = time.Time{}, false
	if w.born++; !w.slots {
		worker.Incarnation = fmt.Sprintf("%s/%d", worker.Name, w.born)
	}
	w.runs[worker.Incarnation] = map[string]bool{}
}

// kill ends a worker. Where it is a place that is told, the place answers for it: nothing runs there that is not in the part.
func (w *world) kill(i int) {
	worker := &w.Workers[i]
	delete(w.runs, worker.Incarnation)
	worker.Since = w.Now
	if !w.slots {
		worker.Incarnation = ""
	}
}

// read has a worker start what it is told to; stop has it stop the rest, and say so.
func (w *world) read(i int) {
	p, inc := w.Record.Part(w.Workers[i].Name), w.Workers[i].Incarnation
	if running := w.runs[inc]; p != nil && running != nil && p.Incarnation == inc {
		for _, g := range p.Grants {
			running[g.Workload] = true
		}
		w.sees[inc] = p.Version
	}
}

func (w *world) stop(i int) {
	p, inc := w.Record.Part(w.Workers[i].Name), w.Workers[i].Incarnation
	switch running := w.runs[inc]; {
	case p == nil || p.Incarnation != inc || inc == "":
	case running == nil: // an empty place
		p.Acknowledged = p.Version
	case p.Version == w.sees[inc]:
		maps.DeleteFunc(running, func(name string, _ bool) bool {
			_, granted := slices.BinarySearch(names(p.Grants), name)
			return !granted
		})
		p.Acknowledged = p.Version
	}
}

// decide makes one decision, writes it, and looks at what must be so.
func (w *world) decide(t fataler) Decision {
	d := Decide(w.Situation)
	for _, c := range d.Granted {
		for i := range w.Workers {
			v := &w.Workers[i]
			if v.Name == w.owner[c.Workload] && v.Name != c.Worker && !v.Since.IsZero() && !v.Draining && !w.slots &&
				(w.Spec.Suspend || w.Now.Before(v.Since.Add(patience))) && slices.Contains(w.had(v.Name), c.Workload) {
				t.Fatalf("%s is granted to %s, and %s is away since %s", c.Workload, c.Worker, v.Name, w.Now.Sub(v.Since))
			}
			if v.Name == c.Worker && (v.Incarnation == "" || !v.Since.IsZero()) {
				t.Fatalf("%s is granted to %s, which is not there", c.Workload, c.Worker)
			}
		}
		if (w.Spec.Suspend || w.Trouble != "") && w.owner[c.Workload] != c.Worker {
			t.Fatalf("nothing may move, and %s moves from %q to %s", c.Workload, w.owner[c.Workload], c.Worker)
		}
		w.owner[c.Workload] = c.Worker
	}
	if d.Status.Version < w.Status.Version || d.Changed && !d.News {
		t.Fatalf("%+v after %+v", d, w.Status)
	}
	before := w.Record
	w.Record, w.Status = d.Record, d.Status
	w.Record.Parts = slices.Clone(w.Record.Parts) // as it may share memory with what is remembered
	if w.stay {
		for i := range w.Workers {
			if name := w.Workers[i].Name; w.Record.Part(name) == nil {
				empty := handover.Part{Worker: name}
				if p := before.Part(name); p != nil {
					empty.Version = p.Version
				}
				w.Record.Parts = append(w.Record.Parts, empty)
				slices.SortFunc(w.Record.Parts, func(a, b handover.Part) int { return strings.Compare(a.Worker, b.Worker) })
			}
		}
	}
	return d
}

func (w *world) had(worker string) []string {
	if p := w.Record.Part(worker); p != nil {
		return names(p.Grants)
	}
	return nil
}

func (w *world) check(t fataler) {
	by := map[string]string{}
	for _, inc := range slices.Sorted(maps.Keys(w.runs)) {
		for name := range w.runs[inc] {
			if other := by[name]; other != "" {
				t.Fatalf("%s runs on %s and on %s", name, other, inc)
			}
			by[name] = inc
		}
	}
}

// quiet decides until nothing changes, and asks once more.
func (w *world) quiet(t fataler) Decision {
	for range 10 {
		if d := w.decide(t); !d.Changed {
			if again := w.decide(t); again.Changed || again.News || d.Wake != again.Wake {
				t.Fatalf("without news it goes on: %+v", again)
			}
			return d
		}
	}
	t.Fatalf("it does not come to an end: %+v", w.Record)
	return Decision{}
}

// settle has everybody do all there is to be done.
func (w *world) settle(t fataler) (d Decision) {
	for range 4 {
		d = w.quiet(t)
		for i := range w.Workers {
			w.read(i)
			w.stop(i)
			w.check(t)
		}
	}
	return d
}

type fataler interface{ Fatalf(string, ...any) }

func names(grants []handover.Grant) (out []string) {
	for _, g := range grants {
		out = append(out, g.Workload)
	}
	return out
}

// Whatever happens: no workload runs twice, nothing is taken from a worker that is waited for, nothing moves while the swarm is
// suspended, decisions come to an end; and when all is well again everything has its owner, evenly.
func TestSwarms(t *testing.T) {
	for _, c := range []struct {
		name        string
		slots, stay bool
	}{{"on a List server", false, false}, {"on Kubernetes", false, true}, {"on Kubernetes, with programs that read the ConfigMap", true, true}} {
		t.Run(c.name, rapid.MakeCheck(func(t *rapid.T) {
			w := newWorld(0, 8)
			w.slots, w.stay = c.slots, c.stay
			for range 3 {
				w.start(w.expect())
			}
			some := func(t *rapid.T) int { return rapid.IntRange(0, len(w.Workers)-1).Draw(t, "worker") }
			t.Repeat(map[string]func(*rapid.T){
				"":       func(t *rapid.T) { w.check(t) },
				"decide": func(t *rapid.T) { w.decide(t) },
				"quiet":  func(t *rapid.T) { w.quiet(t) },
				"settle": func(t *rapid.T) { w.settle(t) },
				"read":   func(t *rapid.T) { w.read(some(t)) },
				"stop":   func(t *rapid.T) { w.stop(some(t)) },
				"wait": func(t *rapid.T) {
					w.Now = w.Now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "seconds")) * time.Second)
				},
				"kill": func(t *rapid.T) {
					if i := some(t); w.Workers[i].Since.IsZero() {
						w.kill(i)
					}
				},
				"start": func(t *rapid.T) {
					if i := some(t); !w.Workers[i].Since.IsZero() {
						w.start(i)
					}
				},
				"drain":   func(t *rapid.T) { w.Workers[some(t)].Draining = true },
				"suspend": func(t *rapid.T) { w.Spec.Suspend = !w.Spec.Suspend },
				"trouble": func(t *rapid.T) {
					if w.Trouble == "" {
						w.Trouble = "there is something wrong: mend it"
					} else {
						w.Trouble = ""
					}
				},
				"workloads": func(t *rapid.T) {
					w.Workloads = nil
					for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 11), 0, 12, rapid.ID).Draw(t, "workloads") {
						w.Workloads = append(w.Workloads, swarm.Workload{Name: fmt.Sprintf("p%02d", i)})
					}
				},
				"join": func(t *rapid.T) {
					if len(w.Workers) < 5 {
						w.expect()
					}
				},
			})
			w.Spec.Suspend, w.Trouble = false, ""
			for i := range w.Workers {
				if !w.Workers[i].Since.IsZero() {
					w.start(i)
				}
				w.Workers[i].Draining = false
			}
			d := w.settle(t)
			granted := 0
			for i := range w.Workers {
				n := len(w.had(w.Workers[i].Name))
				granted += n
				if all := len(w.Workloads); n < all/len(w.Workers) || n > (all+len(w.Workers)-1)/len(w.Workers) {
					t.Fatalf("%s has %d of %d", w.Workers[i].Name, n, all)
				}
			}
			if granted != len(w.Workloads) || d.Status.Phase() != v1alpha1.SwarmConverged || d.Status.Moving+d.Status.Waiting > 0 || d.Wake != 0 {
				t.Fatalf("%d of %d granted: %+v", granted, len(w.Workloads), d.Status)
			}
			w.Deleted = true
			if w.settle(t); !Over(w.Record) {
				t.Fatalf("deleted, and not over: %+v", w.Record)
			}
		}))
	}
}
