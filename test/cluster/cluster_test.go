package cluster_test

import (
	"strings"
	"testing"

	"teamtask.dev/test/cluster"
)

// A control plane starts, answers kubectl, and ends.
func TestStart(t *testing.T) {
	c, err := cluster.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	out, err := c.Kubectl(t.Context(), "get", "--raw", "/version")
	if err != nil || !strings.Contains(out, `"major": "1"`) {
		t.Errorf("%s, %v", out, err)
	}
}
