package api_test

import (
	"strings"
	"testing"

	"teamtask.dev/ozymandias/api/apitest"
)

// The label that a node gives itself by its storage is neither set by anybody else nor taken away, and nothing else is done that was asked for
// with it.
func TestLabelOfStorage(t *testing.T) {
	cluster := apitest.New(t)
	cluster.Node("n1", "192.0.2.1", 4e9)
	_, c := cluster.Serve(cluster.Options())
	nas, zone := "nas", "a"
	for _, labels := range []map[string]*string{{"shared-storage": &nas, "zone": &zone}, {"shared-storage": nil}} {
		if _, err := c.Label(t.Context(), "n1", labels); err == nil || !strings.Contains(err.Error(), "label shared-storage is the node's own") {
			t.Errorf("Label(%v) = %v", labels, err)
		}
	}
	n, err := c.Node(t.Context(), "n1")
	if err != nil || len(n.Labels) > 0 {
		t.Errorf("it has labels %v, %v", n.Labels, err)
	}
}
