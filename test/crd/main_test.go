package crd

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"teamtask.dev/test/cluster"
)

// running is a Kubernetes without nodes that has Teamtask's kinds. All tests share it.
var running *cluster.Cluster

func TestMain(m *testing.M) {
	os.Exit(cluster.Share(m, func(ctx context.Context, c *cluster.Cluster) (func() error, error) {
		running = c
		// Client-side, as people do it: the whole has to fit in an annotation.
		if _, err := c.Kubectl(ctx, "apply", "--filename", definitions); err != nil {
			return nil, err
		}
		return nil, c.Established(ctx, definitions)
	}))
}

// write writes a manifest to a file, and returns its name.
func write(t *testing.T, manifest string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
