package chaos

import (
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"teamtask.dev/test/cluster"
)

// Connect is an administrator's way to a cluster's API server. The server's own flow control is enough: the client has none.
func Connect(t *testing.T, c *cluster.Cluster) *rest.Config {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	cfg.QPS, cfg.Burst = -1, -1
	return cfg
}
