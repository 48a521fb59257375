package kube

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"teamtask.dev/test/cluster"
)

var shared struct {
	sync.Mutex
	*cluster.Cluster
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.Cluster != nil {
		if err := shared.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.RemoveAll(shared.Dir)
	}
	os.Exit(code)
}

// controlPlane is a Kubernetes without nodes that has Teamtask's kinds. The tests that need no more share it.
func controlPlane(t *testing.T) *cluster.Cluster {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.Cluster != nil {
		return shared.Cluster
	}
	dir, err := os.MkdirTemp("", "teamtask-kube-")
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(context.Background(), dir) // not the test's context: the next test has it as well
	if err != nil {
		t.Fatal(err)
	}
	shared.Cluster = c
	// Client-side, as people do it: the whole has to fit in an annotation.
	if _, err := c.Kubectl(t.Context(), "apply", "-f", definitions); err != nil {
		t.Fatal(err)
	}
	if err := c.Established(t.Context(), definitions); err != nil {
		t.Fatal(err)
	}
	return c
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
