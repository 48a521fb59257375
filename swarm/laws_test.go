package swarm

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// instance is an input of Assign.
type instance struct {
	previous  Table
	workloads []Workload
	workers   []Worker
}

// shape is what may occur in an instance.
type shape struct {
	workloads, workers int // at most
	weights            int64
	labels             bool
	capacities         bool
	exclusive          bool
	priorities         bool
	draining           bool
}

var anything = shape{workloads: 14, workers: 6, weights: 5, labels: true, capacities: true, exclusive: true, priorities: true, draining: true}

// drawAny makes an instance in which anything may occur, and one in two times of equal weights, which are treated in
// another way.
func drawAny(t *rapid.T) instance {
	s := anything
	if rapid.Bool().Draw(t, "equal") {
		s.weights = 0
	}
	return s.draw(t)
}

// draw makes an instance whose previous table is any table: of workloads and workers that are still there, and others.
func (s shape) draw(t *rapid.T) instance {
	var in instance
	for i := range rapid.IntRange(0, s.workers).Draw(t, "workers") {
		w := Worker{Name: fmt.Sprintf("w-%d", i)}
		if s.labels {
			w.Labels = rapid.SampledFrom([]map[string]string{nil, {"gpu": "a"}, {"gpu": "b"}, {"ssd": "x"}, {"gpu": "a", "ssd": "x"}}).Draw(t, "labels")
		}
		if s.capacities && rapid.Bool().Draw(t, "bounded") {
			w.Capacity = rapid.Int64Range(1, 4*max(1, s.weights)).Draw(t, "capacity")
		}
		w.Draining = s.draining && rapid.IntRange(0, 4).Draw(t, "draining") == 0
		in.workers = append(in.workers, w)
	}
	for i := range rapid.IntRange(0, s.workloads).Draw(t, "workloads") {
		w := Workload{Name: fmt.Sprintf("cam-%d", i), Weight: rapid.Int64Range(min(1, s.weights), s.weights).Draw(t, "weight")}
		if s.labels {
			w.Require = rapid.SampledFrom([]map[string]string{nil, {}, {"gpu": "a"}, {"ssd": "x"}, {"gpu": "a", "ssd": "x"}, {"gpu": "c"}}).Draw(t, "require")
		}
		w.Exclusive = s.exclusive && rapid.IntRange(0, 3).Draw(t, "exclusive") == 0
		if s.priorities {
			w.Priority = rapid.Int32Range(-1, 1).Draw(t, "priority")
		}
		in.workloads = append(in.workloads, w)
	}
	if rapid.Bool().Draw(t, "previous") {
		parts := map[string][]string{}
		for i := range s.workloads {
			if w := rapid.IntRange(-1, s.workers).Draw(t, "owner"); w >= 0 {
				name := fmt.Sprintf("w-%d", w)
				parts[name] = append(parts[name], fmt.Sprintf("cam-%d", i))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(parts)) {
			in.previous = append(in.previous, Part{name, parts[name]})
		}
	}
	return in
}

func (in instance) assign(t interface {
	Helper()
	Fatal(...any)
}) Result {
	t.Helper()
	r, err := Assign(in.previous, in.workloads, in.workers)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// world is an instance and its result, to look things up in.
type world struct {
	instance
	Result
	workload map[string]Workload
	worker   map[string]Worker
	was, is  map[string]string // the owners
	waits    map[string]Wait
	load     map[string]int64
	alone    map[string]Workload // the exclusive workload of a worker
}

func look(t *rapid.T, in instance) world {
	v := world{instance: in, Result: in.assign(t), workload: map[string]Workload{}, worker: map[string]Worker{}, was: map[string]string{},
		is: map[string]string{}, waits: map[string]Wait{}, load: map[string]int64{}, alone: map[string]Workload{}}
	for _, w := range in.workloads {
		v.workload[w.Name] = w
	}
	for _, w := range in.workers {
		v.worker[w.Name] = w
	}
	for _, p := range in.previous {
		for _, name := range p.Workloads {
			v.was[name] = p.Worker
		}
	}
	for _, p := range v.Table {
		for _, name := range p.Workloads {
			if v.is[name] != "" {
				t.Fatalf("%s is on %s and on %s", name, v.is[name], p.Worker)
			}
			w, ok := v.workload[name]
			if !ok {
				t.Fatalf("%s has %s, which there is not", p.Worker, name)
			}
			v.is[name] = p.Worker
			v.load[p.Worker] += w.units()
			if w.Exclusive {
				v.alone[p.Worker] = w
			}
		}
	}
	for _, w := range v.Waiting {
		v.waits[w.Workload] = w
	}
	return v
}

// may tells whether a worker is one that the workload can be given at all.
func (v world) may(workload, worker string) bool {
	w, i := v.worker[worker], v.workload[workload]
	return !w.Draining && w.holds(i.units()) && fulfils(w, i.Require)
}

func fulfils(w Worker, require map[string]string) bool {
	for label, value := range require {
		if has, ok := w.Labels[label]; !ok || has != value {
			return false
		}
	}
	return true
}

// What holds of every table, whatever is asked for.
func TestEveryTableKeepsTheRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		everyTable(t, look(t, drawAny(t)))
	})
}

func everyTable(t *rapid.T, v world) {
	if len(v.Table) != len(v.workers) || len(v.Loads) != len(v.workers) {
		t.Fatalf("%d parts and %d loads for %d workers", len(v.Table), len(v.Loads), len(v.workers))
	}
	if !slices.IsSortedFunc(v.Table, func(a, b Part) int { return order(a.Worker, b.Worker) }) {
		t.Fatalf("parts are out of order: %v", v.Table)
	}
	for i, p := range v.Table {
		w, ok := v.worker[p.Worker]
		switch {
		case !ok:
			t.Fatalf("a part for %s, which there is not", p.Worker)
		case !slices.IsSorted(p.Workloads):
			t.Fatalf("workloads are out of order: %v", p)
		case v.Loads[i] != v.load[p.Worker]:
			t.Fatalf("%s has a load of %d, %d is reported", p.Worker, v.load[p.Worker], v.Loads[i])
		case !w.holds(v.Loads[i]):
			t.Fatalf("%s has a load of %d with a capacity of %d", p.Worker, v.Loads[i], w.Capacity)
		case v.alone[p.Worker].Exclusive && len(p.Workloads) != 1:
			t.Fatalf("%s has an exclusive workload and others: %v", p.Worker, p.Workloads)
		}
		for _, name := range p.Workloads {
			switch {
			case !fulfils(w, v.workload[name].Require):
				t.Fatalf("%s does not have the labels that %s requires", p.Worker, name)
			case w.Draining && v.was[name] != p.Worker:
				t.Fatalf("%s is draining and was given %s", p.Worker, name)
			case w.Draining && v.waits[name].StaysOn != p.Worker:
				t.Fatalf("%s stays on %s without a word", name, p.Worker)
			}
		}
	}
	var moves []Move
	for _, w := range v.workloads {
		wait, waits := v.waits[w.Name]
		if v.is[w.Name] != wait.StaysOn && waits {
			t.Fatalf("%s waits and is on %s", w.Name, v.is[w.Name])
		}
		if v.is[w.Name] == "" && !waits {
			t.Fatalf("%s is nowhere", w.Name)
		}
		from := v.was[w.Name]
		if _, there := v.worker[from]; there && from != v.is[w.Name] {
			moves = append(moves, Move{w.Name, from, v.is[w.Name]})
		}
	}
	slices.SortFunc(moves, func(a, b Move) int { return order(a.Workload, b.Workload) })
	if !slices.Equal(moves, v.Moves) {
		t.Fatalf("moves are %v, reported %v", moves, v.Moves)
	}
	if v.Least > len(moves) {
		t.Fatalf("%d moves where at least %d are needed", len(moves), v.Least)
	}
	for _, wait := range v.Waiting {
		v.waitsForAReason(t, wait)
		if i := v.workload[wait.Workload]; !i.Exclusive && wait.Reason == NoRoom {
			v.noMoveHelps(t, i)
		}
	}
}

func order(a, b string) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// waitsForAReason fails if there is room for what waits, beside workloads of its own and higher priorities; or the reason
// given is another one.
func (v world) waitsForAReason(t *rapid.T, wait Wait) {
	i := v.workload[wait.Workload]
	reason, live, matches, fits, open := NoWorkers, false, false, false, false
	free := int64(0)
	for _, w := range v.workers {
		if w.Draining {
			continue
		}
		live = true
		if !fulfils(w, i.Require) {
			continue
		}
		matches = true
		capacity := w.Capacity
		if capacity == 0 {
			capacity = MaxWeight
		}
		fits = fits || i.units() <= capacity
		alone, held := v.alone[w.Name]
		if !held {
			open = true
			free = max(free, capacity-v.load[w.Name])
		}
		if i.units() > capacity {
			continue
		}
		if i.Exclusive {
			if held && alone.Priority < i.Priority || !held && v.load[w.Name] == 0 {
				t.Fatalf("%s waits for a worker of its own while %s has %q", i.Name, w.Name, alone.Name)
			}
			continue
		}
		beside := int64(0)
		for _, name := range v.Table.Of(w.Name) {
			if o := v.workload[name]; o.Priority > i.Priority || o.Priority == i.Priority && !o.Exclusive {
				beside += o.units()
			}
		}
		if held && alone.Priority > i.Priority {
			continue
		}
		if beside+i.units() <= capacity {
			t.Fatalf("%s waits (%v) while %s has room: %d of %d", i.Name, wait, w.Name, beside, capacity)
		}
	}
	switch {
	case !live:
	case !matches:
		reason = NoMatch
	case !fits:
		reason = NoRoom
	case i.Exclusive:
		reason = NotAlone
	case !open:
		reason = Taken
	default:
		reason = NoRoom
		if wait.Free != free || wait.Weight != i.units() {
			t.Fatalf("%v: free are %d", wait, free)
		}
	}
	if wait.Reason != reason {
		t.Fatalf("%v has reason %s, want %s", wait, wait.Reason, reason)
	}
}

// The order of the input is of no consequence, and neither is what Assign was given before.
func TestOrderOfInputDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawAny(t)
		want := fmt.Sprintf("%+v", in.assign(t))
		in.workloads = rapid.Permutation(in.workloads).Draw(t, "workloads")
		in.workers = rapid.Permutation(in.workers).Draw(t, "workers")
		in.previous = rapid.Permutation(in.previous).Draw(t, "previous")
		for i := range in.previous {
			in.previous[i].Workloads = rapid.Permutation(in.previous[i].Workloads).Draw(t, "part")
		}
		if got := fmt.Sprintf("%+v", in.assign(t)); got != want {
			t.Fatalf("in another order:\n%s\nwas\n%s", got, want)
		}
	})
}

// Assigning again changes nothing.
func TestResultIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawAny(t)
		first := in.assign(t)
		in.previous = first.Table
		again := in.assign(t)
		if len(again.Moves) > 0 || fmt.Sprint(again.Table) != fmt.Sprint(first.Table) {
			t.Fatalf("moves %v:\n%v\nwas\n%v", again.Moves, again.Table, first.Table)
		}
	})
}

// Input is not changed.
func TestInputIsLeftAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := drawAny(t)
		before := fmt.Sprintf("%+v", in)
		in.assign(t)
		if after := fmt.Sprintf("%+v", in); after != before {
			t.Fatalf("%s\nwas\n%s", after, before)
		}
	})
}
