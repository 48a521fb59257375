package workers

import (
	"context"
	"errors"
	"flag"
	"os"
	"testing"

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
	os.Exit(cluster.Share(m, prepare))
}

func prepare(ctx context.Context, c *cluster.Cluster) (func() error, error) {
	running = c
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme), c.Define(ctx, "../../config/crd")); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"apply", "--server-side", "--filename", "../../config/rbac/worker.yaml", "--filename", "../../config/rbac/controller.yaml"},
		{"create", "clusterrolebinding", "workers", "--clusterrole", "teamtask-controller", "--user", controller},
	} {
		if _, err := c.Kubectl(ctx, args...); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
