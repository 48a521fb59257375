package pools

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

// controllers are who the controllers are to the API server.
const controllers = "teamtask-controller"

var (
	running *cluster.Cluster // what all tests share
	scheme  = runtime.NewScheme()
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "8") // they wait more than they compute
	flag.Parse()
	ctrl.SetLogger(logr.Discard()) // every fault is an error to somebody
	os.Exit(cluster.Share(m, prepare))
}

func prepare(ctx context.Context, c *cluster.Cluster) (func() error, error) {
	running = c
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme), c.Define(ctx, "../../config/crd")); err != nil {
		return nil, err
	}
	for _, args := range [][]string{ // the controllers have their own rights, and no more
		{"apply", "--server-side", "--filename", "../../config/rbac/controller.yaml"},
		{"create", "clusterrolebinding", "controllers", "--clusterrole", "teamtask-controller", "--user", controllers},
	} {
		if _, err := c.Kubectl(ctx, args...); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
