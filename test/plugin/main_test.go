// Package plugin tells stories of `kubectl teamtask` on a real API server.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

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
	code, err := m.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func (m onCluster) run() (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "plugin")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if running, err = cluster.Start(ctx, dir); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	return m.M.Run(), nil
}
