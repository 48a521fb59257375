package workers

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	runtimecontroller "sigs.k8s.io/controller-runtime/pkg/controller"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller/workers"
)

// controller is who the controller is to the API server.
const controller = "workers-controller"

// patience is how long a test waits for what has to happen: seconds on a quiet machine, far more on a busy one.
const patience = 4 * time.Minute

// site is a namespace of a test's own, in which pods run as soon as they are there.
type site struct {
	t      *testing.T
	ns     string
	client client.WithWatch // an administrator's
}

var namespaces atomic.Int64

func newSite(t *testing.T, labels ...string) *site {
	t.Helper()
	cfg := configOf(t, "")
	c, err := client.NewWithWatch(cfg, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, ns: fmt.Sprintf("site-%d", namespaces.Add(1)), client: c}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.ns, Labels: map[string]string{}}}
	for _, l := range labels {
		key, value, _ := strings.Cut(l, "=")
		ns.Labels[key] = value
	}
	s.must(c.Create(t.Context(), ns))
	return s
}

// configOf is a user's way to the API server; "" is an administrator.
func configOf(t *testing.T, user string) *rest.Config {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", running.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	cfg.QPS = -1 // the API server's own flow control is enough
	if user != "" {
		cfg.Impersonate = rest.ImpersonationConfig{UserName: user}
	}
	return cfg
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// runController runs the controller, as a program would, until the test ends.
func (s *site) runController() {
	s.t.Helper()
	mgr, err := ctrl.NewManager(configOf(s.t, controller), ctrl.Options{Scheme: scheme, Logger: logr.Discard(), Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: new(true)}}) // tests run several
	s.must(err)
	r := &workers.Reconciler{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Events: mgr.GetEventRecorder("workers"), Image: "teamtask:1"}
	s.must(r.SetupWithManager(mgr, runtimecontroller.Options{}))
	s.runUntilEnd(func(ctx context.Context) error { return mgr.Start(ctx) })
}

// runUntilEnd runs something until the test ends, and waits for its end.
func (s *site) runUntilEnd(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	})
}

// reconciler is the controller's part that acts, for a test to call. Its way to the API server may be a bad one.
func (s *site) reconciler(wrap func(http.RoundTripper) http.RoundTripper) *workers.Reconciler {
	s.t.Helper()
	cfg := configOf(s.t, controller)
	if wrap != nil {
		cfg.Wrap(wrap)
	}
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	s.must(err)
	return &workers.Reconciler{Client: c, Live: c, Events: events.NewFakeRecorder(1000), Image: "teamtask:1"}
}

// create makes the list of a manifest, and says where it stands: the first is what its controller says when it has looked at it.
func (s *site) create(manifest string) *v1alpha1.Worklist {
	s.t.Helper()
	var list v1alpha1.Worklist
	s.must(yaml.UnmarshalStrict([]byte(manifest), &list))
	list.Namespace = s.ns
	s.must(s.client.Create(s.t.Context(), &list))
	s.stand(list.Name, v1alpha1.PhaseActive, 0)
	return s.list(list.Name)
}

func (s *site) list(name string) *v1alpha1.Worklist {
	s.t.Helper()
	var list v1alpha1.Worklist
	s.must(s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, &list))
	return &list
}

// stand says where a list stands, in the way of its controller: it writes all of the status as it was read.
func (s *site) stand(name string, phase v1alpha1.Phase, blocksOut int64) {
	s.t.Helper()
	s.eventually("say where the list stands", func() error {
		list := s.list(name)
		list.Status.ObservedGeneration = list.Generation
		list.Status.SetPhase(phase, "so it is", metav1.Now())
		list.Status.BlocksOut, list.Status.CompletionTime = blocksOut, nil
		if phase.Over() {
			list.Status.CompletionTime = new(metav1.Now())
		}
		return s.client.Status().Update(s.t.Context(), list)
	})
}

// change changes a list's spec.
func (s *site) change(name string, change func(*v1alpha1.WorklistSpec)) {
	s.t.Helper()
	s.eventually("change the list", func() error {
		list := s.list(name)
		change(&list.Spec)
		return s.client.Update(s.t.Context(), list)
	})
}

// jobs are those of the namespace, by name.
func (s *site) jobs() []batchv1.Job {
	s.t.Helper()
	var jobs batchv1.JobList
	s.must(s.client.List(s.t.Context(), &jobs, client.InNamespace(s.ns)))
	return jobs.Items
}

func (s *site) pods() []corev1.Pod {
	s.t.Helper()
	var pods corev1.PodList
	s.must(s.client.List(s.t.Context(), &pods, client.InNamespace(s.ns)))
	return pods.Items
}

// kubelet has all pods run, but those whose image is one that cannot be pulled.
func (s *site) kubelet() error {
	for _, p := range s.pods() {
		if p.Status.Phase == corev1.PodPending && !strings.HasPrefix(p.Spec.Containers[0].Image, "missing") {
			before := p.DeepCopy()
			p.Status.Phase = corev1.PodRunning
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionTrue}}
			if err := client.IgnoreNotFound(s.client.Status().Patch(s.t.Context(), &p, client.MergeFrom(before))); err != nil {
				return err
			}
		}
	}
	return nil
}

// end has a pod's containers end.
func (s *site) end(p corev1.Pod, phase corev1.PodPhase) {
	s.t.Helper()
	before := p.DeepCopy()
	p.Status.Phase = phase
	p.Status.Conditions = slices.DeleteFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady })
	s.must(s.client.Status().Patch(s.t.Context(), &p, client.MergeFrom(before)))
}

// condition is a list's condition WorkersReady.
func (s *site) condition(name string) metav1.Condition {
	s.t.Helper()
	if c := meta.FindStatusCondition(s.list(name).Status.Conditions, v1alpha1.ConditionWorkers); c != nil {
		return *c
	}
	return metav1.Condition{}
}

// eventually waits for something to be so; the error says how it is instead.
func (s *site) eventually(what string, so func() error) {
	s.t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := so()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			s.t.Fatalf("%s: still, after %s: %v", what, patience, err)
		case <-again.C:
		}
	}
}

// eventuallyPods waits, with pods being run, until there are so many Jobs' pods, and the condition has this reason.
func (s *site) eventuallyPods(list string, want int32, reason string) {
	s.t.Helper()
	s.eventually(fmt.Sprintf("%d pods, %s", want, reason), func() error {
		if err := s.kubelet(); err != nil {
			return err
		}
		status := s.list(list).Status
		if c := s.condition(list); c.Reason != reason || status.Replicas != want {
			return fmt.Errorf("%d pods: %s %s: %s", status.Replicas, c.Status, c.Reason, c.Message)
		}
		return nil
	})
}
