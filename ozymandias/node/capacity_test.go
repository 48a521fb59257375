package node_test

import (
	"testing"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/node"
)

// What is measured can be read by people, and is never more than there is.
func TestMeasuredIsCoarse(t *testing.T) {
	for bytes, want := range map[int64]string{24_012_676_916: "24010M", 10_000_000: "10M", 9_999_999: "0", 0: "0", -5: "0", -20_000_000: "0"} {
		if got := job.Size(node.Coarse(bytes)).String(); got != want {
			t.Errorf("%d bytes are said to be %s, not %s", bytes, got, want)
		}
	}
}
