package gateway_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	kubeclient "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/cli"
	"teamtask.dev/controller"
	"teamtask.dev/kube"
	"teamtask.dev/test/cluster"
)

// What all tests share. Each has namespaces of its own.
var (
	running *cluster.Cluster
	admin   kubeclient.WithWatch
)

// gatewayUser is who the gateway is for the API server: it has the rights that the chart gives it, and no others.
const gatewayUser = "gateway"

// Re-executed, the test is the teamtask command.
func init() {
	if os.Getenv("TEAMTASK_TEST_COMMAND") != "" {
		os.Exit(cli.Main(os.Args[1:]))
	}
}

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "8") // they wait, most of the time; those that stop the API server come before
	flag.Parse()
	ctrl.SetLogger(logr.Discard())
	os.Exit(cluster.Share(m, prepare))
}

func prepare(ctx context.Context, c *cluster.Cluster) (end func() error, err error) {
	running = c
	cfg, err := configOf(c.Kubeconfig)
	if err != nil {
		return nil, err
	}
	if admin, err = kube.NewClient(cfg); err != nil {
		return nil, err
	}
	if err := install(ctx); err != nil {
		return nil, err
	}
	controllers, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- controller.Run(controllers, cfg, controller.Options{MetricsAddr: "0", HealthAddr: "0", Log: logr.Discard()})
	}()
	return func() error {
		stop()
		return <-ended
	}, nil
}

// install has the API server know Teamtask's kinds and hold everybody to its rules.
func install(ctx context.Context) error {
	const config = "../../config/"
	for _, args := range [][]string{
		{"apply", "--server-side", "--filename", config + "crd", "--filename", config + "rbac/worker.yaml", "--filename", config + "rbac/server.yaml"},
		{"apply", "--kustomize", config + "admission"},
		{"create", "clusterrolebinding", "gateway-works", "--clusterrole", "teamtask-server-works", "--user", gatewayUser},
		{"create", "clusterrolebinding", "gateway-reviews", "--clusterrole", "teamtask-server", "--user", gatewayUser},
	} {
		if _, err := running.Kubectl(ctx, args...); err != nil {
			return err
		}
	}
	// It takes some seconds until policies hold: a Block is stamped then with who created it.
	for {
		user, err := running.Kubectl(ctx, "create", "--filename", "testdata/probe.yaml", "--output", "jsonpath={.spec.user}")
		if ctx.Err() != nil {
			return fmt.Errorf("the policies do not hold: %w", err)
		}
		if err != nil {
			continue
		}
		running.Kubectl(ctx, "patch", "block", "probe", "--type=merge", "--patch", `{"metadata":{"finalizers":null}}`)
		running.Kubectl(ctx, "delete", "block", "probe", "--ignore-not-found")
		if user != "" {
			return nil
		}
	}
}

func configOf(kubeconfig string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err == nil {
		config.QPS = -1 // the API server's own flow control is enough
	}
	return config, err
}
