package v1alpha1

import (
	"fmt"
	"testing"

	"teamtask.dev/items"
)

// A rate is told as finely as people read it: it is a column of kubectl's.
func TestRate(t *testing.T) {
	for perSecond, want := range map[float64]string{
		-1: "<nil>", 0: "<nil>", 0.0001: "10m", 0.929891201: "930m", 1: "1", 9.29: "9300m", 9.99: "10", 18.688: "19", 12_345.678: "12346", 2e18: fmt.Sprint(int64(items.MaxLen)),
	} {
		if got := fmt.Sprint(Rate(perSecond)); got != want {
			t.Errorf("%g: %s, want %s", perSecond, got, want)
		}
	}
}
