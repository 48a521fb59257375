// Command teamtask-controller runs Teamtask's controllers on Kubernetes.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/config"

	"teamtask.dev/controller"
	"teamtask.dev/version"
)

// workerImage is the environment variable that says which image worker pods have. A flag would do, but kustomize replaces images only
// where they stand alone: see config/images.yaml.
const workerImage = "TEAMTASK_WORKER_IMAGE"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "teamtask-controller:", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	var o controller.Options
	level, format := "info", "json"
	cmd := &cobra.Command{
		Use:   "teamtask-controller",
		Short: "Share out Worklists on Kubernetes",
		Long: `Runs the controllers of Worklists, Blocks and worker pods. All state is in the API server: any number of
replicas may run with --leader-elect, and none has anything to lose.

In a pod it uses the pod's service account, elsewhere KUBECONFIG or ~/.kube/config.`,
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true, Version: version.Version,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logger(level, format)
			if err != nil {
				return err
			}
			o.Log, o.WorkerImage = log, cmp.Or(o.WorkerImage, os.Getenv(workerImage))
			ctrl.SetLogger(log)
			klog.SetLogger(log) // the Kubernetes client logs by itself
			if err := check(o); err != nil {
				return err
			}
			kube, err := config.GetConfig()
			if err != nil {
				return fmt.Errorf("find the API server: %w", err)
			}
			return controller.Run(cmd.Context(), kube, o)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.LeaderElect, "leader-elect", false, "elect a leader among several replicas")
	f.StringVar(&o.Namespace, "leader-election-namespace", "", "namespace of the lease they elect with (default: the pod's)")
	f.StringSliceVar(&o.Watch, "watch-namespaces", nil, "namespaces to look at, separated by commas (default: all)")
	f.StringVar(&o.WorkerImage, "worker-image", "", "image with the teamtask binary, for worker pods (default $"+workerImage+")")
	f.IntVar(&o.MostBlocks, "max-blocks", 20_000, "Blocks in the cluster above which those that wait are turned away; 0: no bound")
	f.IntVar(&o.Concurrency, "concurrency", 4, "decisions at a time, of each controller")
	f.StringVar(&o.MetricsAddr, "metrics-bind-address", ":8080", "where to serve Prometheus metrics; 0: nowhere")
	f.StringVar(&o.HealthAddr, "health-probe-bind-address", ":8081", "where to serve /healthz and /readyz; 0: nowhere")
	f.StringVar(&level, "log-level", level, "debug, info, warn or error")
	f.StringVar(&format, "log-format", format, "json or text")
	return cmd
}

// check refuses what would be waited for in silence, or taken for something else.
func check(o controller.Options) error {
	for _, ns := range o.Watch {
		if wrong := validation.IsDNS1123Label(ns); len(wrong) > 0 {
			return fmt.Errorf("--watch-namespaces: %q is no name of a namespace: %s", ns, strings.Join(wrong, "; "))
		}
	}
	if o.MostBlocks < 0 {
		return fmt.Errorf("--max-blocks %d: must be 0 (no bound) or above", o.MostBlocks)
	}
	if o.Concurrency < 1 {
		return fmt.Errorf("--concurrency %d: must be at least 1", o.Concurrency)
	}
	return nil
}

func logger(level, format string) (logr.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return logr.Logger{}, fmt.Errorf("--log-level %q: must be debug, info, warn or error", level)
	}
	o := &slog.HandlerOptions{Level: l}
	switch format {
	case "json":
		return logr.FromSlogHandler(slog.NewJSONHandler(os.Stderr, o)), nil
	case "text":
		return logr.FromSlogHandler(slog.NewTextHandler(os.Stderr, o)), nil
	}
	return logr.Logger{}, fmt.Errorf("--log-format %q: must be json or text", format)
}
