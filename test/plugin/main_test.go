// Package plugin tells stories of `kubectl teamtask` on a real API server.
package plugin

import (
	"context"
	"os"
	"testing"

	"github.com/go-logr/logr"
	"github.com/rogpeppe/go-internal/testscript"
	ctrl "sigs.k8s.io/controller-runtime"

	"teamtask.dev/cli"
	"teamtask.dev/plugin"
	"teamtask.dev/test/cluster"
)

// running is the cluster that all tests share, each in a namespace of its own. It has no nodes: pods are not scheduled.
var running *cluster.Cluster

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	testscript.Main(onCluster{m}, map[string]func(){
		"kubectl-teamtask": func() { os.Exit(plugin.Main(os.Args[1:])) },
		"teamtask":         func() { os.Exit(cli.Main(os.Args[1:])) },
	})
}

// onCluster runs the tests once a cluster is there: not in the programs that the scripts call, which are this one as well.
type onCluster struct{ *testing.M }

func (m onCluster) Run() int {
	return cluster.Share(m.M, func(_ context.Context, c *cluster.Cluster) (func() error, error) {
		running = c
		return nil, nil
	})
}
