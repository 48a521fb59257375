package swarms

import (
	"context"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/cluster"
)

var seed = flag.Uint64("swarms.seed", rand.Uint64(), "of what goes wrong at random")

var (
	running *cluster.Cluster // what all tests share
	scheme  = runtime.NewScheme()
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "8") // they wait more than they compute
	flag.Parse()
	ctrl.SetLogger(logr.Discard()) // every fault is an error to somebody
	os.Exit(cluster.Share(m, func(ctx context.Context, c *cluster.Cluster) (func() error, error) {
		running = c
		return nil, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme), c.Define(ctx, "../../config/crd"))
	}))
}

// config is an administrator's way to the API server.
func config(t *testing.T) *rest.Config {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", running.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	cfg.QPS, cfg.Burst = -1, -1 // the API server's own flow control is enough
	return cfg
}

// random is a test's source of faults; the seed is logged.
func random(t *testing.T) *rand.Rand {
	t.Helper()
	t.Logf("-swarms.seed=%d", *seed)
	return rand.New(rand.NewPCG(*seed, 0))
}
