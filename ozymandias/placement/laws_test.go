package placement

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// shape is what may occur in a problem.
type shape struct {
	nodes, instances int // at most
	sizes            int64
	labels, tied     bool
	closed, pinned   bool
	perNode          bool
	priorities       bool
	overfull         bool // what runs may be more than there is
}

var anything = shape{nodes: 4, instances: 7, sizes: 6, labels: true, tied: true, closed: true, pinned: true, perNode: true, priorities: true, overfull: true}

// draw makes a problem. Sizes are small numbers, so that much just fits or just does not.
func (s shape) draw(t *rapid.T) Problem {
	var p Problem
	flat := rapid.Bool().Draw(t, "flat") // in one dimension only
	resources := func(least, most int64, label string) Resources {
		draw := rapid.Int64Range(least, most)
		r := Resources{Memory: draw.Draw(t, label+" memory")}
		if !flat {
			r.Disk, r.CPU = draw.Draw(t, label+" disk"), draw.Draw(t, label+" cpu")
		}
		return r
	}
	free := map[string]*Resources{}
	for i := range rapid.IntRange(0, s.nodes).Draw(t, "nodes") {
		n := Node{Name: fmt.Sprintf("n%d", i+1), Capacity: resources(0, 2*s.sizes, "capacity")}
		if s.labels {
			n.Labels = rapid.SampledFrom([]map[string]string{nil, {"zone": "a"}, {"zone": "b"}, {"zone": "a", "disk": "ssd"}}).Draw(t, "labels")
		}
		if s.closed {
			switch rapid.IntRange(0, 6).Draw(t, "closed") {
			case 0:
				n.Closed = "disk failing"
			case 1:
				n.Draining = true
			}
		}
		p.Nodes = append(p.Nodes, n)
		room := n.Capacity
		free[n.Name] = &room
	}
	jobs := rapid.IntRange(1, 3).Draw(t, "jobs")
	for i := range rapid.IntRange(0, s.instances).Draw(t, "instances") {
		in := Instance{Name: Name{fmt.Sprintf("job%d", i%jobs), fmt.Sprint(i)}, Needs: resources(0, s.sizes, "needs")}
		if s.labels {
			in.Requires = rapid.SampledFrom([]map[string]string{nil, nil, nil, {"zone": "a"}, {"disk": "ssd"}, {"zone": "c"}}).Draw(t, "requires")
			in.Spread.Label = rapid.SampledFrom([]string{"", "zone"}).Draw(t, "spread")
		}
		if s.tied && rapid.IntRange(0, 5).Draw(t, "tied") == 0 {
			in.Tied = rapid.SampledFrom([][]string{{"n1"}, {"n2"}, {"n3", "n1"}, {"gone"}}).Draw(t, "tied to")
		}
		if s.perNode && i%jobs == 0 {
			in.Spread.PerNode = rapid.IntRange(0, 2).Draw(t, "per node")
		}
		if s.priorities {
			in.Priority = rapid.IntRange(0, 2).Draw(t, "priority")
		}
		if len(p.Nodes) > 0 && rapid.IntRange(0, 3).Draw(t, "runs") > 0 {
			name := p.Nodes[rapid.IntRange(0, len(p.Nodes)-1).Draw(t, "node")].Name
			room := free[name]
			left := Resources{room.Memory - in.Needs.Memory, room.Disk - in.Needs.Disk, room.CPU - in.Needs.CPU}
			if s.overfull && rapid.IntRange(0, 5).Draw(t, "overfull") == 0 || min(left.Memory, left.Disk, left.CPU) >= 0 {
				in.Node, in.Grows = name, rapid.IntRange(0, 2).Draw(t, "grows") == 0
				*room = left
			}
		}
		in.Pinned = s.pinned && rapid.IntRange(0, 3).Draw(t, "pinned") == 0
		in.Yields = in.Pinned && rapid.Bool().Draw(t, "yields")
		p.Instances = append(p.Instances, in)
	}
	return p
}

func place(t *rapid.T, p Problem) Result {
	r, err := Place(p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// after is where everything is when a result is carried out; "" is nowhere.
func after(t *rapid.T, p Problem, r Result) map[Name]string {
	b := newBrute(p)
	at := map[Name]string{}
	for i := range p.Instances {
		if in := &p.Instances[i]; b.runs(in) {
			at[in.Name] = in.Node
		} else {
			at[in.Name] = ""
		}
	}
	for _, x := range r.Placed {
		if at[x.Name] != "" {
			t.Fatalf("%s is placed, and runs on %s", x.Name, at[x.Name])
		}
		at[x.Name] = x.Node
	}
	for _, m := range r.Moves {
		if at[m.Name] != m.From || m.From == m.To || m.Why == "" {
			t.Fatalf("%+v, and it runs on %q", m, at[m.Name])
		}
		at[m.Name] = m.To
	}
	for _, w := range r.Waiting {
		if at[w.Name] != cmp.Or(w.Stays, w.Stops) || w.Verdict == Fits {
			t.Fatalf("%+v, and it runs on %q", w, at[w.Name])
		}
		if w.Stays == "" {
			at[w.Name] = ""
		}
	}
	return at
}

// left is what yields and is not where it runs any more.
func left(p Problem, at map[Name]string) map[Name]bool {
	b, left := newBrute(p), map[Name]bool{}
	for _, in := range b.all() {
		if b.runs(in) && in.Yields && at[in.Name] != in.Node {
			left[in.Name] = true
		}
	}
	return left
}

// valid holds a result against the rules that have no exception. What stays on for want of a better place is where it may not
// be, or one too many; but nothing of its job comes there, and it is never more than there is room for.
func valid(t *rapid.T, p Problem, r Result) {
	b, at := newBrute(p), after(t, p, r)
	b.left = left(p, at)
	stays := map[Name]bool{}
	for _, w := range r.Waiting {
		stays[w.Name] = w.Stays != ""
	}
	on := map[string][]*Instance{}
	waiting := 0
	for _, in := range b.all() {
		n := at[in.Name]
		if n == "" || stays[in.Name] {
			waiting++
		}
		if n == "" {
			continue
		}
		on[n] = append(on[n], in)
		if !stays[in.Name] && !b.allowed(in, b.nodes[n]) {
			t.Fatalf("%s may not be on %s", in.Name, n)
		}
	}
	if waiting != len(r.Waiting) || (waiting == 0) != (r.Verdict == Fits) {
		t.Fatalf("%s: %d are without a place, of these %d wait", r.Verdict, waiting, len(r.Waiting))
	}
	pinned(t, b, at)
	for n, list := range on {
		b.loose = slices.ContainsFunc(list, func(in *Instance) bool { return stays[in.Name] })
		if wrong := b.sound(b.nodes[n], list); wrong != "" {
			t.Fatalf("%s has %s", n, wrong)
		}
	}
}

// pinned holds what becomes of what is pinned against what it is to yield to: something more important that has a place, which may have
// moved on since, or what goes before it where the node has less than they need together.
func pinned(t *rapid.T, b *brute, at map[Name]string) {
	for _, in := range b.all() {
		if !b.runs(in) || !in.Pinned || at[in.Name] == in.Node {
			continue
		}
		if !in.Yields {
			t.Fatalf("%s is pinned to %s, and leaves", in.Name, in.Node)
		}
		important, before := false, []*Instance{in}
		for _, x := range b.all() {
			important = important || x.Priority > in.Priority && at[x.Name] != ""
			if x != in && x.Node == in.Node && (x.Priority > in.Priority || x.Pinned && (!x.Yields || x.Priority == in.Priority)) {
				before = append(before, x)
			}
		}
		if !important && !b.tooMuch(b.nodes[in.Node], before) {
			t.Fatalf("%s leaves %s, and there is nothing to yield to", in.Name, in.Node)
		}
	}
}

// Whatever the problem and however small the budget, nothing is where it may not be and no verdict is wrong.
func TestNothingIsEverWrong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anything.draw(t)
		p.Budget = rapid.SampledFrom([]int{0, 1, 10, 100, 1000}).Draw(t, "budget")
		r := place(t, p)
		valid(t, p, r)
		proofs(t, p, r)
	})
}

// proofs holds each proof of there being no room against all placements of the one that waits and of what is at least as
// important and has a place, or stays where it is for want of one.
func proofs(t *rapid.T, p Problem, r Result) {
	b := newBrute(p)
	b.left = left(p, after(t, p, r))
	waits := map[Name]bool{}
	b.grace = map[Name]bool{}
	for _, w := range r.Waiting {
		waits[w.Name] = w.Stays == ""
		b.grace[w.Name] = w.Stays != ""
	}
	priority := map[Name]int{}
	for _, in := range b.all() {
		priority[in.Name] = in.Priority
	}
	for _, w := range r.Waiting {
		if w.Verdict != ProvedInfeasible {
			continue
		}
		b.grace[w.Name] = false
		var list []*Instance
		for _, in := range b.all() {
			if in.Name == w.Name || !waits[in.Name] && (in.Priority >= priority[w.Name] || in.Pinned && !in.Yields && b.runs(in)) {
				list = append(list, in)
			}
		}
		if n := b.fewest(list); n >= 0 {
			t.Fatalf("%s is said not to fit, and does with %d moves\n%+v\n%+v", w.Name, n, p, r)
		}
		b.grace[w.Name] = w.Stays != ""
	}
}

// With an ample budget the verdict is that of trying everything, and what moves is the fewest possible. What yields
// leaves only where there is no way, and may be what makes one.
func TestVerdictIsThatOfTryingEverything(t *testing.T) {
	s := anything
	s.overfull = false
	rapid.Check(t, func(t *rapid.T) {
		p := s.draw(t)
		r := place(t, p)
		b := newBrute(p)
		fewest := b.fewest(b.all())
		yielded := left(p, after(t, p, r))
		switch {
		case fewest >= 0 && len(yielded) > 0:
			t.Fatalf("%v leave, and there is a way with %d moves", yielded, fewest)
		case fewest < 0 && len(yielded) == 0 && r.Verdict != ProvedInfeasible:
			t.Fatalf("%s, and there is no way", r.Verdict)
		case fewest >= 0 && r.Verdict != Fits:
			t.Fatalf("%s, and there is a way with %d moves", r.Verdict, fewest)
		case fewest >= 0 && len(r.Moves) != fewest:
			t.Fatalf("%d moves, and %d are enough: %v", len(r.Moves), fewest, r.Moves)
		}
		for _, w := range r.Waiting {
			if w.Verdict != ProvedInfeasible {
				t.Fatalf("%s: %s with an ample budget", w.Name, w.Verdict)
			}
		}
	})
}

// Large problems go by ways that small ones do not; the rules hold all the same.
func TestLargeProblems(t *testing.T) {
	s := anything
	s.nodes, s.instances, s.sizes = 25, 120, 20
	rapid.Check(t, func(t *rapid.T) {
		p := s.draw(t)
		p.Budget = 50_000
		r := place(t, p)
		valid(t, p, r)
		q := p
		q.Instances = slices.Clone(p.Instances)
		slices.Reverse(q.Instances)
		if again := place(t, q); !reflect.DeepEqual(r, again) {
			t.Fatalf("%+v\nand in another order\n%+v", r, again)
		}
	})
}

// What becomes of a node's instances when it dies is what becomes of them when it is not there and they are nowhere.
func TestLossIsPlacingAnew(t *testing.T) {
	s := anything
	s.overfull, s.closed, s.pinned = false, false, false
	rapid.Check(t, func(t *rapid.T) {
		p := s.draw(t)
		first := place(t, p)
		at := after(t, p, first)
		var settled Problem
		settled.Nodes = p.Nodes
		for _, in := range p.Instances {
			if in.Node = at[in.Name]; in.Node != "" {
				settled.Instances = append(settled.Instances, in)
			}
		}
		losses, err := WithoutEach(p)
		if err != nil {
			t.Fatal(err)
		}
		for i, l := range losses {
			q := settled
			q.Nodes = slices.Delete(slices.Clone(p.Nodes), i, i+1)
			r := place(t, q)
			if first.Verdict == Fits && (r.Verdict != l.Verdict || len(r.Moves) != len(l.Moves) || len(r.Waiting) != len(l.Lost)+len(l.Displaced)) {
				t.Fatalf("without %s: %+v\nand placing anew %+v", l.Node, l, r)
			}
			if (l.Verdict == Fits) != (len(l.Lost)+len(l.Displaced) == 0) || l.Verdict != Fits && len(l.Lines()) == 0 {
				t.Fatalf("%s, and %q", l.Verdict, l.Lines())
			}
		}
	})
}

// The order of input does not matter.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anything.draw(t)
		q := p
		q.Nodes = rapid.Permutation(p.Nodes).Draw(t, "nodes in other order")
		q.Instances = rapid.Permutation(p.Instances).Draw(t, "instances in other order")
		if a, b := place(t, p), place(t, q); !reflect.DeepEqual(a, b) {
			t.Fatalf("%+v\nand in another order\n%+v", a, b)
		}
	})
}

// Carried out, a result is the state that it says: placing again changes nothing. (Fewer may wait: one too many of a job on a
// node is so no more when another had to stop there.)
func TestPlacedAgainNothingMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anything.draw(t)
		first := place(t, p)
		at := after(t, p, first)
		q := p
		q.Instances = slices.Clone(p.Instances)
		for i := range q.Instances {
			q.Instances[i].Node = at[q.Instances[i].Name]
		}
		r := place(t, q)
		if len(r.Placed)+len(r.Moves) > 0 || len(r.Waiting) > len(first.Waiting) {
			t.Fatalf("placed again: %+v\nafter %+v", r, first)
		}
	})
}

// Where nothing is in the way, a job is spread evenly: over the values of its label, and over the nodes.
func TestSpreadIsEven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		label := rapid.SampledFrom([]string{"", "zone"}).Draw(t, "label")
		zones := rapid.IntRange(1, 4).Draw(t, "zones")
		var p Problem
		for i := range rapid.IntRange(1, 9).Draw(t, "nodes") {
			p.Nodes = append(p.Nodes, Node{Name: fmt.Sprintf("n%d", i), Capacity: Resources{Memory: 1000, CPU: rapid.Int64Range(1, 1000).Draw(t, "cpu")},
				Labels: map[string]string{"zone": fmt.Sprint(i % zones)}})
		}
		for j := range rapid.IntRange(1, 3).Draw(t, "jobs") {
			for i := range rapid.IntRange(0, 12).Draw(t, "instances") {
				p.Instances = append(p.Instances, Instance{Name: Name{fmt.Sprintf("job%d", j), fmt.Sprint(i)},
					Needs: Resources{Memory: rapid.Int64Range(1, 9).Draw(t, "memory")}, Spread: Spread{Label: label}})
			}
		}
		r := place(t, p)
		if r.Verdict != Fits {
			t.Fatal(r.Verdict)
		}
		zone := map[string]string{}
		for _, n := range p.Nodes {
			zone[n.Name] = ""
			if label != "" {
				zone[n.Name] = n.Labels[label]
			}
		}
		for j := range 3 {
			nodes, values := map[string]map[string]int{}, map[string]int{}
			for n, z := range zone {
				if nodes[z] == nil {
					nodes[z] = map[string]int{}
				}
				nodes[z][n], values[z] = 0, 0
			}
			for _, x := range r.Placed {
				if x.Job == fmt.Sprintf("job%d", j) {
					nodes[zone[x.Node]][x.Node]++
					values[zone[x.Node]]++
				}
			}
			even(t, values)
			for _, counts := range nodes {
				even(t, counts)
			}
		}
	})
}

func even(t *rapid.T, counts map[string]int) {
	list := slices.Sorted(maps.Values(counts))
	if list[len(list)-1]-list[0] > 1 {
		t.Fatalf("uneven: %v", counts)
	}
}

// Any problem is held against the rules, led by what code is reached.
func FuzzPlace(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		p := anything.draw(t)
		p.Budget = rapid.SampledFrom([]int{0, 1, 10, 100, 1000}).Draw(t, "budget")
		r := place(t, p)
		valid(t, p, r)
		proofs(t, p, r)
		if _, err := WithoutEach(p); err != nil {
			t.Fatal(err)
		}
	}))
}
