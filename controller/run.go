package controller

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller/blocks"
	"teamtask.dev/controller/workers"
	"teamtask.dev/controller/worklists"
)

// Options of the controllers. The zero value works, with one replica.
type Options struct {
	LeaderElect bool     // several replicas run, one of which leads
	Namespace   string   // of the lease they elect with; "": that of the pod
	Watch       []string // namespaces to look at; none: all
	WorkerImage string   // image with the teamtask binary, put beside the commands of worker pods
	MostBlocks  int      // in the cluster, above which Blocks that wait are turned away; 0: no bound
	Concurrency int      // decisions at a time, of each controller; default 4
	MetricsAddr string   // "0": no metrics
	HealthAddr  string   // "0": none
	Log         logr.Logger

	// Transport wraps the way to the API server.
	Transport func(http.RoundTripper) http.RoundTripper
}

const (
	// Requests per second to the API server, in the mean and at once: what it bears from one client without others noticing.
	// Its own flow control is the true bound.
	qps, burst = 400, 800
	// decisionTimeout bounds one decision with its writes: after that it is made anew.
	decisionTimeout = time.Minute
	// firstRetry and lastRetry are how long a decision rests that has failed once, and again and again: an API server that was away
	// for an hour is not waited for any longer than one that was away for a minute.
	firstRetry, lastRetry = 5 * time.Millisecond, 30 * time.Second
	// relist is how often everything is looked at although nothing was seen to happen.
	relist = 10 * time.Minute
)

// Run runs the controllers until ctx ends.
func Run(ctx context.Context, kube *rest.Config, o Options) error {
	mgr, err := newManager(kube, o)
	if err != nil {
		return err
	}
	each := func() controller.Options {
		return controller.Options{MaxConcurrentReconciles: cmp.Or(max(0, o.Concurrency), 4), ReconciliationTimeout: decisionTimeout, RateLimiter: retries(),
			// First come, first served: with priorities a list that was there when the controller began, and so comes after
			// whatever happens, is not looked at while others keep it busy.
			UsePriorityQueue: new(false)}
	}
	seen := make(chan event.TypedGenericEvent[types.NamespacedName])
	lists := &worklists.Reconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: mgr.GetEventRecorder("teamtask-worklists"), MostInAll: o.MostBlocks,
		Lists: seen}
	if err := lists.SetupWithManager(mgr, each()); err != nil {
		return fmt.Errorf("set up the controller of worklists: %w", err)
	}
	taken := &blocks.Reconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Namespaces: o.Watch, Events: mgr.GetEventRecorder("teamtask-blocks"),
		Lists: seen}
	if err := taken.SetupWithManager(mgr, each()); err != nil {
		return fmt.Errorf("set up the controller of blocks: %w", err)
	}
	pods := &workers.Reconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: mgr.GetEventRecorder("teamtask-workers"), Image: o.WorkerImage}
	if err := pods.SetupWithManager(mgr, each()); err != nil {
		return fmt.Errorf("set up the controller of workers: %w", err)
	}
	if err := setUpSwarms(mgr, each); err != nil {
		return err
	}
	for _, shown := range []prometheus.Collector{listCensus{mgr.GetCache()}, swarmCensus{mgr.GetCache()}} {
		if err := metrics.Registry.Register(shown); err == nil { // of several in one process the first shows its objects
			defer metrics.Registry.Unregister(shown)
		}
	}
	return mgr.Start(ctx)
}

// retries has what fails rest longer each time. It belongs to one controller.
func retries() workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, lastRetry)
}

func newManager(kube *rest.Config, o Options) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	kube = rest.CopyConfig(kube)
	kube.QPS, kube.Burst = qps, burst
	kube.UserAgent = "teamtask-controller"
	kube.Wrap(countWrites)
	if o.Transport != nil {
		kube.Wrap(o.Transport)
	}
	resync := relist
	caching := cache.Options{SyncPeriod: &resync, DefaultTransform: cache.TransformStripManagedFields()}
	if len(o.Watch) > 0 {
		caching.DefaultNamespaces = map[string]cache.Config{}
		for _, ns := range o.Watch {
			caching.DefaultNamespaces[ns] = cache.Config{}
		}
	}
	mgr, err := ctrl.NewManager(kube, ctrl.Options{
		Scheme: scheme, Logger: o.Log, Cache: caching, Client: client.Options{FieldOwner: "teamtask-controller"},
		LeaderElection: o.LeaderElect, LeaderElectionID: "teamtask-controller", LeaderElectionNamespace: o.Namespace,
		LeaderElectionReleaseOnCancel: true,
		Metrics:                       metricsserver.Options{BindAddress: o.MetricsAddr}, HealthProbeBindAddress: o.HealthAddr,
		Controller: config.Controller{SkipNameValidation: new(true)}, // tests run several at a time
	})
	if err != nil {
		return nil, fmt.Errorf("make a manager: %w", err)
	}
	if err := mgr.AddHealthzCheck("alive", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, mgr.AddReadyzCheck("ready", healthz.Ping)
}
