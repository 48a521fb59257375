package kubernetes

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller"
	"teamtask.dev/kube/swarms"
	"teamtask.dev/member"
	"teamtask.dev/test/cluster"
	"teamtask.dev/test/owners"
)

var (
	running *cluster.Cluster // what all Swarms share
	scheme  = runtime.NewScheme()
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "16") // they wait more than they compute
	flag.Parse()
	klog.SetLogger(logr.Discard())
	ctrl.SetLogger(logr.Discard()) // every fault is an error to somebody
	os.Exit(cluster.Share(m, func(ctx context.Context, c *cluster.Cluster) (func() error, error) {
		running = c
		return nil, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme), c.Define(ctx, "../../../config/crd"))
	}))
}

// A Swarm in a namespace of its own, with one or two managers that lead.
func TestOwners(t *testing.T) {
	owners.Stories(t, func(t *testing.T, h *owners.History, i int) owners.Site {
		cfg, err := clientcmd.BuildConfigFromFlags("", running.Kubeconfig)
		if err != nil {
			t.Fatal(err)
		}
		cfg.QPS, cfg.Burst = -1, -1 // the API server's own flow control is enough
		s := &site{t: t, history: h, ns: fmt.Sprint("swarm-", i), kube: cfg}
		s.admin = s.client(&owners.Wire{})
		if err := s.admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.ns}}); err != nil {
			t.Fatal(err)
		}
		for m := range 1 + i%2 {
			s.manage(fmt.Sprint("manager ", m))
		}
		return s
	})
}

// site is a namespace.
type site struct {
	t        *testing.T
	history  *owners.History
	ns       string
	kube     *rest.Config
	admin    client.WithWatch
	managers []*manager
}

// config is a way to the API server over a wire.
func (s *site) config(w *owners.Wire) *rest.Config {
	cfg := rest.CopyConfig(s.kube)
	cfg.Wrap(w.Wrap)
	return cfg
}

func (s *site) client(w *owners.Wire) client.WithWatch {
	s.t.Helper()
	c, err := client.NewWithWatch(s.config(w), client.Options{Scheme: scheme})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// Door is a worker's client of its own.
func (s *site) Door(w *owners.Wire) member.Door {
	s.t.Helper()
	return &swarms.Door{Client: s.client(w), Namespace: s.ns, Swarm: "streams"}
}

func (s *site) Change(ctx context.Context, spec v1alpha1.SwarmSpec) error {
	for {
		swarm := &v1alpha1.Swarm{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "streams"}}
		err := s.admin.Get(ctx, client.ObjectKeyFromObject(swarm), swarm)
		if apierrors.IsNotFound(err) {
			swarm.Spec = spec
			err = s.admin.Create(ctx, swarm)
		} else if err == nil {
			swarm.Spec = spec
			err = s.admin.Update(ctx, swarm)
		}
		if err == nil || ctx.Err() != nil || apierrors.IsInvalid(err) {
			return err
		}
	}
}

func (s *site) Converged(ctx context.Context) (bool, string) {
	swarm := &v1alpha1.Swarm{}
	if err := s.admin.Get(ctx, client.ObjectKey{Namespace: s.ns, Name: "streams"}, swarm); err != nil {
		return false, err.Error()
	}
	return swarm.Status.Phase() == v1alpha1.SwarmConverged, fmt.Sprintf("%+v", swarm.Status)
}

func (s *site) Faults() []owners.Fault {
	return []owners.Fault{
		{Odds: 10, Happen: func(rng *rand.Rand) string { return s.any(rng).dieAt(rng) }},
		{Odds: 3, Happen: func(rng *rand.Rand) string { return s.any(rng).kill() }},
		{Odds: 6, Happen: func(rng *rand.Rand) string {
			links := []owners.Link{owners.Cut, owners.Deaf, owners.Hung, owners.Late, owners.Moody, owners.Moody, owners.Stale, owners.Stale}
			m, l := s.any(rng), links[rng.IntN(len(links))]
			m.over(func(w *owners.Wire) { w.Set(l) })
			return m.name + " is " + l.String()
		}},
	}
}

func (s *site) any(rng *rand.Rand) *manager { return s.managers[rng.IntN(len(s.managers))] }

func (s *site) Heal() {
	for _, m := range s.managers {
		m.over(func(w *owners.Wire) { w.Set(owners.Up) })
	}
}

// manager is one that runs again and again: whenever it has died, it is started anew.
type manager struct {
	name string

	mu   sync.Mutex
	wire *owners.Wire
	die  context.CancelFunc
}

// manage has a manager run until the test ends.
func (s *site) manage(name string) {
	m := &manager{name: name, wire: &owners.Wire{}, die: func() {}}
	s.managers = append(s.managers, m)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			m.live(ctx, s)
		}
	}()
	s.t.Cleanup(func() { stop(); <-ended })
}

// live is one life of a manager.
func (m *manager) live(ctx context.Context, s *site) {
	wire := &owners.Wire{}
	life, die := context.WithCancel(ctx)
	defer die()
	m.mu.Lock()
	m.wire, m.die = wire, die
	m.mu.Unlock()
	err := controller.Run(life, s.config(wire), controller.Options{Watch: []string{s.ns}, MetricsAddr: "0", HealthAddr: "0"})
	wire.Set(owners.Dead)
	s.history.Note("%s is dead: %v", m.name, err)
	select { // nobody leads, or the other one, until it is started again
	case <-time.After(rand.N(2 * time.Second)):
	case <-ctx.Done():
	}
	wire.Wait()
}

// over does something to the wire.
func (m *manager) over(do func(*owners.Wire)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	do(m.wire)
}

// kill ends the manager at once.
func (m *manager) kill() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wire.Set(owners.Dead)
	m.die()
	return m.name + " is killed"
}

// dieAt ends the manager at one of its next writes.
func (m *manager) dieAt(rng *rand.Rand) string {
	n, lost := 1+rng.IntN(6), rng.IntN(2) == 0
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wire.DieAt(n, lost, m.die)
	return fmt.Sprintf("%s dies at its write %d, whose answer is lost: %t", m.name, n, lost)
}
