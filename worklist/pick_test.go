package worklist

import (
	"fmt"
	"slices"
	"testing"
)

func TestOrderByPriority(t *testing.T) {
	lists := []Candidate{{"low", -1, 9, 0}, {"b", 0, 1, 0}, {"urgent", 5, 1, 100}, {"a", 0, 1, 0}}
	slices.SortFunc(lists, Candidate.Compare)
	if got := fmt.Sprint(lists); got != "[{urgent 5 1 100} {a 0 1 0} {b 0 1 0} {low -1 9 0}]" {
		t.Error(got)
	}
}

// Blocks are shared in proportion to the weights.
func TestOrderSharesByWeight(t *testing.T) {
	lists := []Candidate{{Name: "a", Weight: 1}, {Name: "b", Weight: 3}, {Name: "c", Weight: 0}}
	for range 100 {
		slices.SortFunc(lists, Candidate.Compare)
		lists[0].Out++
	}
	for _, l := range lists {
		if want := map[string]int{"a": 20, "b": 60, "c": 20}[l.Name]; l.Out != want {
			t.Errorf("%s has %d of 100 blocks, want %d", l.Name, l.Out, want)
		}
	}
}
