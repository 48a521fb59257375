package swarm

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Where there is room for a workload once another has moved, it does not wait. The pool joins worker by worker.
func TestRoomIsMade(t *testing.T) {
	eu, ssd := map[string]string{"zone": "eu"}, map[string]string{"disk": "ssd"}
	b1, b2, b2eu := Worker{Name: "b1"}, Worker{Name: "b2"}, Worker{Name: "b2", Labels: eu}
	b3eu := Worker{Name: "b3", Labels: eu}
	light := []Workload{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	for _, c := range []struct {
		name      string
		capacity  int64
		workloads []Workload
		joining   []Worker
		previous  Table
		moves     int // in the last step, at most
		waiting   string
	}{
		{
			name:      "one moves to the worker that has joined",
			capacity:  3,
			workloads: append([]Workload{{Name: "big", Weight: 2}, {Name: "eu", Require: eu}}, light...),
			joining:   []Worker{b2eu, b1},
			moves:     2,
			waiting:   "[]",
		},
		{
			name:      "one moves out of the way of a new one",
			capacity:  3,
			workloads: append([]Workload{{Name: "big", Weight: 2}, {Name: "eu", Require: eu}}, light...),
			joining:   []Worker{b1, b2eu},
			previous:  Table{{"b1", []string{"a", "c"}}, {"b2", []string{"b", "big"}}},
			moves:     1,
			waiting:   "[]",
		},
		{
			name:     "where an exclusive workload needs a worker of two others",
			capacity: 4,
			workloads: []Workload{{Name: "a"}, {Name: "b"}, {Name: "big", Weight: 3}, {Name: "ex", Exclusive: true},
				{Name: "hi", Priority: 10}, {Name: "lo", Priority: -5}, {Name: "eu", Require: eu}},
			joining: []Worker{b1, b2, b3eu},
			moves:   2,
			waiting: "[]",
		},
		{
			name:     "an exclusive workload takes the empty worker",
			capacity: 4,
			workloads: []Workload{{Name: "a"}, {Name: "b"}, {Name: "big", Weight: 3}, {Name: "ex", Exclusive: true},
				{Name: "hi", Priority: 10}, {Name: "lo", Priority: -5}},
			joining: []Worker{b1, b2, b3eu},
			moves:   0,
			waiting: "[]",
		},
		{
			name: "an exclusive workload takes the worker that the fewest have to leave",
			workloads: []Workload{{Name: "a"}, {Name: "b"}, {Name: "c"}, {Name: "d"}, {Name: "e"}, {Name: "f"}, {Name: "g"}, {Name: "h"}, {Name: "i"},
				{Name: "big1", Weight: 5}, {Name: "big2", Weight: 5}, {Name: "ex", Exclusive: true, Require: eu}},
			joining:  []Worker{{Name: "b1", Labels: eu}, b2eu, {Name: "b3"}, {Name: "b4"}},
			previous: Table{{"b1", []string{"a", "b", "c", "d", "e"}}, {"b2", []string{"f", "g", "h", "i"}}, {"b3", []string{"big1"}}, {"b4", []string{"big2"}}},
			moves:    4,
			waiting:  "[]",
		},
		{
			name:      "two move",
			capacity:  4,
			workloads: []Workload{{Name: "a", Weight: 2}, {Name: "b", Weight: 2}, {Name: "eu", Weight: 4, Require: eu}},
			joining:   []Worker{b1, b2eu},
			previous:  Table{{"b2", []string{"a", "b"}}},
			moves:     2,
			waiting:   "[]",
		},
		{
			name:     "two move, one of them to its second best",
			capacity: 5,
			workloads: []Workload{{Name: "a", Weight: 2}, {Name: "b"}, {Name: "x", Weight: 3}, {Name: "y", Weight: 4},
				{Name: "eu", Weight: 5, Require: eu}},
			joining:  []Worker{{Name: "b1", Labels: eu}, b2, {Name: "b3"}},
			previous: Table{{"b1", []string{"a", "b"}}, {"b2", []string{"x"}}, {"b3", []string{"y"}}},
			moves:    2,
			waiting:  "[]",
		},
		{
			name:     "two move, the heavier one to its second best",
			capacity: 5,
			workloads: []Workload{{Name: "a", Weight: 2}, {Name: "b", Require: ssd}, {Name: "x", Weight: 3}, {Name: "y", Weight: 3},
				{Name: "eu", Weight: 5, Require: eu}},
			joining:  []Worker{{Name: "b1", Labels: map[string]string{"zone": "eu", "disk": "ssd"}}, {Name: "b2", Labels: ssd}, {Name: "b3"}},
			previous: Table{{"b1", []string{"a", "b"}}, {"b2", []string{"x"}}, {"b3", []string{"y"}}},
			moves:    2,
			waiting:  "[]",
		},
		{
			name:      "a lower priority waits so that another can move",
			capacity:  2,
			workloads: []Workload{{Name: "a", Weight: 2}, {Name: "lo", Weight: 1, Priority: -1}, {Name: "eu", Weight: 1, Require: eu}},
			joining:   []Worker{b1, b2eu},
			previous:  Table{{"b1", []string{"lo"}}, {"b2", []string{"a"}}},
			moves:     2,
			waiting:   "[]",
		},
		{
			name:      "the lowest waits",
			capacity:  2,
			workloads: []Workload{{Name: "a", Weight: 2}, {Name: "lo", Weight: 2, Priority: -1}, {Name: "eu", Weight: 1, Require: eu}},
			joining:   []Worker{b1, b2eu},
			previous:  Table{{"b1", []string{"lo"}}, {"b2", []string{"a"}}},
			moves:     2,
			waiting:   "[lo: no room: it needs 2, and the most that a worker it may use has free is 1]",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := instance{workloads: c.workloads, previous: c.previous}
			var r Result
			for at, w := range c.joining {
				w.Capacity = c.capacity
				if in.workers = append(in.workers, w); c.previous != nil && at < len(c.joining)-1 {
					continue // they are all there
				}
				r = in.assign(t)
				in.previous = r.Table
			}
			if got := fmt.Sprint(r.Waiting); got != c.waiting || len(r.Moves) > c.moves {
				t.Errorf("%v: waiting %s, want %s; moves %v, want %d at most", r.Table, got, c.waiting, r.Moves, c.moves)
			}
		})
	}
}

// In crowded pools, too, the rules hold (noMoveHelps is one of them) and assigning again changes nothing.
func TestCrowdedPools(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := shape{workloads: 40, workers: 8, weights: 9, labels: true, capacities: true, priorities: true, draining: true}.draw(t)
		v := look(t, in)
		everyTable(t, v)
		in.previous = v.Table
		if again := in.assign(t); len(again.Moves) > 0 || len(again.Waiting) != len(v.Waiting) {
			t.Fatalf("assigned again it moves %v", again.Moves)
		}
	})
}

// noMoveHelps fails if some worker has room for a workload once one other, or two, have moved from there.
func (v world) noMoveHelps(t *rapid.T, i Workload) {
	free := func(w Worker) int64 { // beside what is of no lower priority
		if w.Capacity == 0 {
			return MaxWeight
		}
		free := w.Capacity
		for _, name := range v.Table.Of(w.Name) {
			if j := v.workload[name]; j.Priority >= i.Priority {
				free -= j.units()
			}
		}
		return free
	}
	shares := func(w Worker) bool { return !w.Draining && !v.alone[w.Name].Exclusive }
	for _, w := range v.workers {
		if !shares(w) || !v.may(i.Name, w.Name) {
			continue
		}
		var others []Workload
		for _, name := range v.Table.Of(w.Name) {
			if j := v.workload[name]; j.Priority >= i.Priority {
				others = append(others, j)
			}
		}
		for a, first := range others {
			for _, to := range v.workers {
				if to.Name == w.Name || !shares(to) || !v.may(first.Name, to.Name) || first.units() > free(to) {
					continue
				}
				room := free(w) + first.units()
				if room >= i.units() {
					t.Fatalf("%s waits though %s could move to %s: %v", i.Name, first.Name, to.Name, v.Table)
				}
				for b, second := range others {
					for _, or := range v.workers {
						taken := int64(0)
						if or.Name == to.Name {
							taken = first.units()
						}
						if b != a && or.Name != w.Name && shares(or) && v.may(second.Name, or.Name) && taken+second.units() <= free(or) && room+second.units() >= i.units() {
							t.Fatalf("%s waits though %s could move to %s and %s to %s: %v", i.Name, first.Name, to.Name, second.Name, or.Name, v.Table)
						}
					}
				}
			}
		}
	}
}
