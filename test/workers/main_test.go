package workers

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/cluster"
)

var (
	running *cluster.Cluster // what all tests share, each in namespaces of its own
	scheme  = runtime.NewScheme()
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "16") // they wait for the Job controller, most of the time
	flag.Parse()
	ctrl.SetLogger(logr.Discard())
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "workers")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if running, err = cluster.Start(ctx, dir); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	if err := running.Define(ctx, "../../config/crd"); err != nil {
		return 0, err
	}
	for _, args := range [][]string{
		{"apply", "--server-side", "--filename", "../../config/rbac/worker.yaml", "--filename", "../../config/rbac/controller.yaml"},
		{"create", "clusterrolebinding", "workers", "--clusterrole", "teamtask-controller", "--user", controller},
	} {
		if _, err := running.Kubectl(ctx, args...); err != nil {
			return 0, err
		}
	}
	return m.Run(), nil
}
