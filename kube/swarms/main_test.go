package swarms_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/kube"
	"teamtask.dev/kube/swarms"
	"teamtask.dev/member"
	"teamtask.dev/test/cluster"
)

// apiServer is a real one, for all tests of the package. Each has a namespace of its own in it.
var apiServer *cluster.Cluster

// members is the kubeconfig of a user who may join Swarms, strangers of one who may do nothing.
var members, strangers string

// beforehand is what a worker is told where the CustomResourceDefinitions are not installed.
var beforehand error

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := withCluster(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withCluster(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	ctrllog.SetLogger(logr.Discard())
	dir, err := os.MkdirTemp("", "swarms-test-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if apiServer, err = cluster.Start(ctx, dir); err != nil {
		return 1, err
	}
	defer apiServer.Stop()
	c, err := clientOf(apiServer.Kubeconfig, nil)
	if err != nil {
		return 1, err
	}
	_, beforehand = (&swarms.Door{Client: c, Namespace: "default", Swarm: "streams"}).Join(ctx, member.Worker{Name: "w"})
	if err := install(ctx, c); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// install has the API server know Teamtask's kinds, and hold members to its rules.
func install(ctx context.Context, c ctrl.Client) (err error) {
	if members, err = apiServer.KubeconfigFor("member"); err != nil {
		return err
	}
	if strangers, err = apiServer.KubeconfigFor("stranger"); err != nil {
		return err
	}
	file := func(names ...string) string {
		return filepath.Join(append([]string{"..", "..", "config"}, names...)...)
	}
	for _, args := range [][]string{{"apply", "-f", file("crd")}, {"apply", "-k", file("admission")}, {"apply", "-f", file("rbac", "member.yaml")},
		{"create", "clusterrolebinding", "members", "--clusterrole", "teamtask-member", "--user", "member"}} {
		if _, err := apiServer.Kubectl(ctx, args...); err != nil {
			return err
		}
	}
	// It takes some seconds until policies hold: an Assignment is stamped then with who created it.
	for user := ""; user == ""; {
		probe := &v1alpha1.Assignment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "probe.w"}, Spec: v1alpha1.AssignmentSpec{Swarm: "probe", Worker: "w"}}
		err := c.Create(ctx, probe)
		if ctx.Err() != nil {
			return fmt.Errorf("the policies do not hold: %w", err)
		}
		if err != nil {
			pause(ctx)
			continue
		}
		user = probe.Spec.User
		probe.Finalizers = nil
		if err := c.Update(ctx, probe); err != nil {
			return err
		}
		if err := c.Delete(ctx, probe); ctrl.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return nil
}

// pause waits for a moment between two looks.
func pause(ctx context.Context) {
	t := time.NewTimer(20 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func clientOf(kubeconfig string, wrap func(http.RoundTripper) http.RoundTripper) (ctrl.WithWatch, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	if wrap != nil {
		config.Wrap(wrap)
	}
	return kube.NewClient(config)
}

// stage is a namespace with a Swarm, in which the test plays the controller.
type stage struct {
	*testing.T
	ctrl.WithWatch
	namespace string
	wire      *wire
	door      *swarms.Door
}

var unfit = regexp.MustCompile("[^a-z0-9]+")

func open(t *testing.T, spec v1alpha1.SwarmSpec) *stage {
	t.Helper()
	c, err := clientOf(apiServer.Kubeconfig, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{T: t, WithWatch: c, wire: &wire{},
		namespace: fmt.Sprintf("%.40s-%d", unfit.ReplaceAllString(strings.ToLower(t.Name()), "-"), time.Now().UnixNano())}
	_, err = apiServer.Kubectl(t.Context(), "create", "namespace", s.namespace)
	s.must(err)
	s.must(c.Create(t.Context(), &v1alpha1.Swarm{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "streams"}, Spec: spec}))
	s.door = s.enter(members)
	return s
}

// enter is a door of its own, by the test's wire.
func (s *stage) enter(kubeconfig string) *swarms.Door {
	s.Helper()
	c, err := clientOf(kubeconfig, func(next http.RoundTripper) http.RoundTripper {
		s.wire.next = next
		return s.wire
	})
	s.must(err)
	return &swarms.Door{Client: c, Namespace: s.namespace, Swarm: "streams"}
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// join joins as w.
func (s *stage) join() member.Session {
	s.Helper()
	session, err := s.door.Join(s.Context(), member.Worker{Name: "w", Labels: map[string]string{"zone": "a"}})
	s.must(err)
	return session
}

// assignment is that of w.
func (s *stage) assignment() *v1alpha1.Assignment {
	s.Helper()
	a := &v1alpha1.Assignment{}
	s.must(s.Get(s.Context(), ctrl.ObjectKey{Namespace: s.namespace, Name: "streams.w"}, a))
	return a
}

// grant gives an incarnation its part, as the controller does.
func (s *stage) grant(incarnation string, version int64, names ...string) {
	s.Helper()
	a := s.assignment()
	a.Spec.Incarnation, a.Spec.Version, a.Spec.Count, a.Spec.Workloads = incarnation, version, int64(len(names)), nil
	for _, name := range names {
		a.Spec.Workloads = append(a.Spec.Workloads, v1alpha1.Grant{Name: name, Epoch: version})
	}
	s.must(s.Update(s.Context(), a))
}

// set changes the status, as the controller does.
func (s *stage) set(change func(*v1alpha1.AssignmentStatus)) {
	s.Helper()
	a := s.assignment()
	change(&a.Status)
	s.must(s.Status().Update(s.Context(), a))
}

// wire is the way to the API server, in the test's hand.
type wire struct {
	next http.RoundTripper

	mu   sync.Mutex
	rule func(*http.Request, func() (*http.Response, error)) (*http.Response, error)
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	rule := w.rule
	w.mu.Unlock()
	send := func() (*http.Response, error) { return w.next.RoundTrip(r) }
	if rule == nil {
		return send()
	}
	return rule(r, send)
}

func (w *wire) set(rule func(*http.Request, func() (*http.Response, error)) (*http.Response, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rule = rule
}
