package placement

import (
	"math"
	"testing"
)

// Wrong input is an error that names the field, the value and what to do.
func TestInput(t *testing.T) {
	one := []Node{{Name: "n1", Capacity: Resources{Memory: 1}}}
	for want, p := range map[string]Problem{
		"budget is -1 steps: it must be positive, or 0 for 4194304": {Budget: -1},
		"a node has no name: every node needs one":                  {Nodes: []Node{{}}},
		`node "n1" is there twice: give every node a name of its own`: {
			Nodes: []Node{one[0], one[0]}},
		`node "n1": capacity: disk is -1: it must not be negative`: {
			Nodes: []Node{{Name: "n1", Capacity: Resources{Disk: -1}}}},
		`node "n2": capacity: memory is 1, which makes more than 4611686018427387903 in all: give a size that there is`: {
			Nodes: []Node{{Name: "n1", Capacity: Resources{Memory: math.MaxInt64 / 2}}, {Name: "n2", Capacity: Resources{Memory: 1}}}},
		"an instance has no job: every instance needs one": {
			Instances: []Instance{{}}},
		`an instance of job "db" has no ID: every instance needs one`: {
			Instances: []Instance{{Name: Name{Job: "db"}}}},
		`instance "0" of job "db" is there twice: give every instance an ID of its own`: {
			Instances: []Instance{{Name: Name{"db", "0"}}, {Name: Name{"a", "0"}}, {Name: Name{"db", "0"}}}},
		"instance db-0: needs: cpu is -5: it must not be negative": {
			Instances: []Instance{{Name: Name{"db", "0"}, Needs: Resources{CPU: -5}}}},
		"instance db-0: at most -1 on one node: it must be 1 or more, or 0 for any number": {
			Instances: []Instance{{Name: Name{"db", "0"}, Spread: Spread{PerNode: -1}}}},
	} {
		if _, err := Place(p); err == nil || err.Error() != want {
			t.Errorf("Place: %v\nnot: %s", err, want)
		}
		if _, err := WithoutEach(p); err == nil || err.Error() != want {
			t.Errorf("WithoutEach: %v\nnot: %s", err, want)
		}
	}
}

// Ordinals are in order of number.
func TestNamesAreInOrder(t *testing.T) {
	names := []Name{{"a", "0"}, {"a", "9"}, {"a", "10"}, {"a-b", "0"}, {"b", "node-1"}, {"b", "node-2"}}
	for i, n := range names {
		for j, m := range names {
			if got := n.Compare(m); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%s beside %s: %d", n, m, got)
			}
		}
	}
}
