package swarm

import (
	"strings"
	"testing"
)

// Bad input is refused with the name, the value and what to do.
func TestBadInput(t *testing.T) {
	for _, c := range []struct {
		name      string
		previous  Table
		workloads []Workload
		workers   []Worker
		want      string
	}{
		{"workload without a name", nil, []Workload{{}}, nil, "a workload has no name: every workload needs one"},
		{"workload twice", nil, []Workload{{Name: "x"}, {Name: "y"}, {Name: "x"}}, nil, `workload "x" is there twice: give every workload a name of its own`},
		{"negative weight", nil, []Workload{{Name: "x", Weight: -1}}, nil, `workload "x" has weight -1: it must be 1 to 9007199254740991, or 0 for 1`},
		{"huge weight", nil, []Workload{{Name: "x", Weight: 1 << 60}}, nil, `workload "x" has weight 1152921504606846976: it must be`},
		{"huge total", nil, []Workload{{Name: "x", Weight: MaxWeight}, {Name: "y"}}, nil, `the weights add up to more than 9007199254740991, with that of workload "y" (1): choose a larger unit`},
		{"worker without a name", nil, nil, []Worker{{}}, "a worker has no name: every worker needs one"},
		{"worker twice", nil, nil, []Worker{{Name: "w"}, {Name: "v"}, {Name: "w"}}, `worker "w" is there twice: give every worker a name of its own`},
		{"negative capacity", nil, nil, []Worker{{Name: "w", Capacity: -2}}, `worker "w" has capacity -2: it must be 0 (no bound) to`},
		{"part twice", Table{{Worker: "w"}, {Worker: "w"}}, nil, nil, `the previous table has two parts for worker "w": it must have one`},
		{"workload in two parts", Table{{"v", []string{"x"}}, {"w", []string{"x"}}}, []Workload{{Name: "x"}}, nil, `the previous table has workload "x" twice`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Assign(c.previous, c.workloads, c.workers)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
}

// What waits says why, in words.
func TestWaitingHasWords(t *testing.T) {
	gpu := map[string]string{"gpu": "a100"}
	both := map[string]string{"disk": "ssd", "zone": "b"}
	for _, c := range []struct {
		name      string
		previous  Table
		workloads []Workload
		workers   []Worker
		want      string
	}{
		{"no workers", nil, []Workload{{Name: "x"}}, nil, "x: there are no workers"},
		{"all draining", nil, []Workload{{Name: "x"}}, []Worker{{Name: "w", Draining: true}}, "x: all workers are draining"},
		{"stays", Table{{"w", []string{"x"}}}, []Workload{{Name: "x"}}, []Worker{{Name: "w", Draining: true}}, "x: stays on w, which is draining: all workers are draining"},
		{"label", nil, []Workload{{Name: "x", Require: gpu}}, []Worker{{Name: "w", Labels: map[string]string{"gpu": "t4"}}}, "x: no worker has label gpu=a100"},
		{"labels together", nil, []Workload{{Name: "x", Require: both}}, []Worker{{Name: "v", Labels: map[string]string{"disk": "ssd"}}, {Name: "w", Labels: map[string]string{"zone": "b"}}},
			"x: no worker has label disk=ssd and zone=b"},
		{"room", nil, []Workload{{Name: "x", Weight: 3}}, []Worker{{Name: "v", Capacity: 2}, {Name: "w", Capacity: 1}}, "x: no room: it needs 3, and the most that a worker it may use has free is 2"},
		{"alone", nil, []Workload{{Name: "x", Exclusive: true}, {Name: "y"}}, []Worker{{Name: "w"}}, "x: no worker is free for it alone"},
		{"taken", nil, []Workload{{Name: "x"}, {Name: "y", Exclusive: true, Priority: 1}}, []Worker{{Name: "w"}}, "x: every worker that it may use belongs to an exclusive workload"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := instance{c.previous, c.workloads, c.workers}.assign(t)
			if len(r.Waiting) != 1 || r.Waiting[0].String() != c.want {
				t.Errorf("%v, want %s", r.Waiting, c.want)
			}
		})
	}
}

// Where there is room for one of two, the higher priority has it; of equals the one that has it keeps it.
func TestWhoWaits(t *testing.T) {
	one := []Worker{{Name: "w", Capacity: 7}}
	for _, weights := range [][2]int64{{7, 7}, {4, 5}, {5, 4}} {
		for _, first := range []string{"x", "y"} { // both ways, so that it is not the hash that decides
			in := instance{Table{{"w", []string{first}}}, []Workload{{Name: "x", Weight: weights[0]}, {Name: "y", Weight: weights[1]}}, one}
			if r := in.assign(t); r.Table[0].Workloads[0] != first || len(r.Waiting) != 1 {
				t.Errorf("%s was there: %+v", first, r)
			}
			for i := range in.workloads {
				if in.workloads[i].Name != first {
					in.workloads[i].Priority = 1
				}
			}
			if r := in.assign(t); r.Table[0].Workloads[0] == first || r.Waiting[0].Workload != first || len(r.Moves) != 1 || r.Moves[0].To != "" {
				t.Errorf("%s has the lower priority: %+v", first, r)
			}
		}
	}
}

// Balancing may make room for what waits.
func TestBalancingMakesRoom(t *testing.T) {
	r := instance{
		Table{{"a", []string{"j", "k"}}, {"b", []string{"l"}}},
		[]Workload{{Name: "i", Weight: 6, Require: map[string]string{"gpu": "yes"}}, {Name: "j", Weight: 5}, {Name: "k", Weight: 4}, {Name: "l", Weight: 3, Require: map[string]string{"disk": "yes"}}},
		[]Worker{{Name: "a", Capacity: 10, Labels: map[string]string{"gpu": "yes"}}, {Name: "b", Capacity: 10, Labels: map[string]string{"disk": "yes"}}},
	}.assign(t)
	if len(r.Waiting) > 0 {
		t.Errorf("%v in %v", r.Waiting, r.Table)
	}
}
