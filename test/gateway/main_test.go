package gateway_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

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
	dir, err := os.MkdirTemp("", "gateway")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if running, err = cluster.Start(ctx, dir); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	cfg, err := configOf(running.Kubeconfig)
	if err != nil {
		return 0, err
	}
	if admin, err = kube.NewClient(cfg); err != nil {
		return 0, err
	}
	if err := install(ctx); err != nil {
		return 0, err
	}
	controllers, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- controller.Run(controllers, cfg, controller.Options{MetricsAddr: "0", HealthAddr: "0", Log: logr.Discard()})
	}()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	return m.Run(), nil
}

// install has the API server know Teamtask's kinds and hold everybody to its rules.
func install(ctx context.Context) error {
	const config = "../../config/"
	for _, args := range [][]string{
		{"apply", "--server-side", "--filename", config + "crd", "--filename", config + "rbac/worker.yaml", "--filename", config + "rbac/server.yaml"},
		{"apply", "--kustomize", config + "admission"},
		{"create", "clusterrolebinding", "gateway-works", "--clusterrole", "teamtask-worker", "--user", gatewayUser},
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
