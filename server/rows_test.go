package server

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// The end of an output is kept, in whole characters.
func TestCut(t *testing.T) {
	for _, c := range []struct {
		output string
		most   int64
		want   string
	}{
		{"error", 10, "error"}, {"an error", 5, "error"}, {"äöü", 4, "öü"}, {"äöü", 3, "ü"}, {"äöü", 1, ""}, {"abc", 0, ""},
	} {
		p := v1alpha1.ResultsPolicy{Output: resource.NewQuantity(c.most, resource.BinarySI)}
		if got := cut(v1alpha1.ItemResult{Output: c.output}, p).Output; got != c.want {
			t.Errorf("%d bytes of %q are %q, want %q", c.most, c.output, got, c.want)
		}
	}
}

// A block is nowhere that the API has no word for.
func TestBlockPhases(t *testing.T) {
	known := map[v1alpha1.BlockPhase]bool{v1alpha1.BlockWorking: true, v1alpha1.BlockResting: true, v1alpha1.BlockWaiting: true, v1alpha1.BlockInDoubt: true}
	for _, s := range []worklist.BlockState{worklist.Working, worklist.Resting, worklist.AtHand, worklist.InDoubt} {
		block := apiBlock("list", worklist.Block{State: s})
		phase := block.Status.Phase()
		if !known[phase] || strings.ToTitle(string(phase[:1])) != string(phase[:1]) {
			t.Errorf("%s is %s", s, phase)
		}
	}
}
