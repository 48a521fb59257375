package kube_test

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli"
	"teamtask.dev/kube"
	"teamtask.dev/test/cluster"
)

// apiServer is a real one, for all tests of the package. Each has a namespace of its own in it.
var apiServer *cluster.Cluster

// workers is the kubeconfig of a user who may work.
var workers string

// beforehand is what a worker is told where the CustomResourceDefinitions are not installed.
var beforehand error

func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "8") // most of them wait
	code, err := withCluster(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// Re-executed, the test is the teamtask command.
func init() {
	if os.Getenv("TEAMTASK_TEST_COMMAND") != "" {
		os.Exit(cli.Main(os.Args[1:]))
	}
}

func withCluster(m *testing.M) (code int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	ctrllog.SetLogger(logr.Discard())
	dir, err := os.MkdirTemp("", "kube-test-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if apiServer, err = cluster.Start(ctx, dir); err != nil {
		return 1, err
	}
	defer apiServer.Stop()
	config, err := configOf(apiServer.Kubeconfig)
	if err != nil {
		return 1, err
	}
	c, err := kube.NewClient(config)
	if err != nil {
		return 1, err
	}
	up := kube.New(kube.Options{Client: c, Namespace: "default", List: "primes", Worker: "w"})
	_, beforehand = up.Get(ctx, "primes")
	up.Close(ctx)
	if err := install(ctx); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// install has the API server know Teamtask's kinds, and hold workers to its rules.
func install(ctx context.Context) (err error) {
	if workers, err = apiServer.KubeconfigFor("worker"); err != nil {
		return err
	}
	file := func(names ...string) string { return filepath.Join(append([]string{"..", "config"}, names...)...) }
	for _, args := range [][]string{{"apply", "-f", file("crd")}, {"apply", "-k", file("admission")}, {"apply", "-f", file("rbac", "worker.yaml")},
		{"create", "clusterrolebinding", "workers", "--clusterrole", "teamtask-worker", "--user", "worker"}} {
		if _, err := apiServer.Kubectl(ctx, args...); err != nil {
			return err
		}
	}
	// It takes some seconds until policies hold: a Block is stamped then with who created it.
	for user := ""; user == ""; {
		apiServer.Kubectl(ctx, "create", "-f", filepath.Join("testdata", "probe.yaml"))
		user, err = apiServer.Kubectl(ctx, "get", "block", "probe", "-o", "jsonpath={.spec.user}")
		if ctx.Err() != nil {
			return fmt.Errorf("the policies do not hold: %w", err)
		}
		if err != nil {
			user = ""
			continue
		}
		apiServer.Kubectl(ctx, "patch", "block", "probe", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
		apiServer.Kubectl(ctx, "delete", "block", "probe", "--ignore-not-found")
	}
	return nil
}

func configOf(kubeconfig string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err == nil {
		config.QPS = -1
	}
	return config, err
}

// stage is a namespace with a list, in which the test plays the controller.
type stage struct {
	*testing.T
	ctrl.WithWatch
	namespace string
	wire      *wire
	up        *kube.Upstream
	fatal     chan error
}

// open makes a list of that many items and an upstream for it.
func open(t *testing.T, size int64, o kube.Options) *stage {
	t.Helper()
	s := &stage{T: t, namespace: namespace(t), wire: &wire{}, fatal: make(chan error, 100)}
	s.WithWatch = admin(t)
	wl := &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "primes"}, Spec: v1alpha1.WorklistSpec{Size: size}}
	s.must(s.Create(t.Context(), wl))
	s.list(func(st *v1alpha1.WorklistStatus) {
		st.Size = size
		st.SetPhase(v1alpha1.PhaseActive, "it goes on", metav1.Now())
	})
	s.up = s.upstream(o)
	return s
}

// upstream makes an upstream whose calls go through the test's wire.
func (s *stage) upstream(o kube.Options) *kube.Upstream {
	s.Helper()
	config, err := configOf(workers)
	s.must(err)
	config.Wrap(func(next http.RoundTripper) http.RoundTripper {
		s.wire.next = next
		return s.wire
	})
	o.Client, err = kube.NewClient(config)
	s.must(err)
	o.Namespace, o.List, o.Worker, o.Fatal = s.namespace, "primes", "w", func(err error) { s.fatal <- err }
	o.Log = slog.New(slog.NewTextHandler(s.Output(), nil))
	up := kube.New(o)
	s.Cleanup(func() {
		s.wire.set(nil)
		up.Close(context.WithoutCancel(s.Context()))
	})
	return up
}

func admin(t *testing.T) ctrl.WithWatch {
	t.Helper()
	config, err := configOf(apiServer.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	c, err := kube.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// unfit is what a namespace is not called.
var unfit = regexp.MustCompile("[^a-z0-9]+")

func namespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%.40s-%d", unfit.ReplaceAllString(strings.ToLower(t.Name()), "-"), time.Now().UnixNano())}}
	if _, err := apiServer.Kubectl(t.Context(), "create", "namespace", ns.Name); err != nil {
		t.Fatal(err)
	}
	return ns.Name
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// list changes the list's status, as the controller does.
func (s *stage) list(change func(*v1alpha1.WorklistStatus)) *v1alpha1.Worklist {
	s.Helper()
	var wl v1alpha1.Worklist
	s.must(s.Get(s.Context(), ctrl.ObjectKey{Namespace: s.namespace, Name: "primes"}, &wl))
	change(&wl.Status)
	s.must(s.Status().Update(s.Context(), &wl))
	return &wl
}

// blocks are those there are.
func (s *stage) blocks() []v1alpha1.Block {
	s.Helper()
	var list v1alpha1.BlockList
	s.must(s.List(s.Context(), &list, ctrl.InNamespace(s.namespace)))
	return list.Items
}

// block waits until there is one Block of which that is true.
func (s *stage) block(is func(*v1alpha1.Block) bool) *v1alpha1.Block {
	s.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		if bs := slices.DeleteFunc(s.blocks(), func(b v1alpha1.Block) bool { return !is(&b) }); len(bs) == 1 {
			return &bs[0]
		}
		select {
		case <-look.C:
		case <-s.Context().Done():
			s.Fatal("there is no such Block")
		}
	}
}

func pending(b *v1alpha1.Block) bool { return b.Status.Index == nil && b.Status.Finished() == "" }

func finished(as v1alpha1.BlockPhase) func(*v1alpha1.Block) bool {
	return func(b *v1alpha1.Block) bool { return b.Status.Finished() == as }
}

// give gives a Block its next range, as the controller does.
func (s *stage) give(b *v1alpha1.Block, index, size int64) {
	s.Helper()
	st := v1alpha1.BlockStatus{Turn: b.Status.Turn + 1, Index: &index, Size: &size, RenewTime: b.Status.RenewTime}
	st.SetPhase(v1alpha1.BlockWorking, "", metav1.Now())
	s.set(b, st)
}

// set writes a Block's status.
func (s *stage) set(b *v1alpha1.Block, st v1alpha1.BlockStatus) {
	s.Helper()
	b = b.DeepCopy()
	b.Status = st
	s.must(s.Status().Update(s.Context(), b))
}

// claim claims a block, waiting that long.
func (s *stage) claim(wait time.Duration) *v1alpha1.ClaimResponse {
	s.Helper()
	resp, err := s.up.Claim(s.Context(), "primes", &v1alpha1.ClaimRequest{Worker: "w", Blocks: 1, Bulk: 1 << 20, Wait: &metav1.Duration{Duration: wait}})
	s.must(err)
	return resp
}

const long = time.Minute // which no claim of a test takes

// lease takes the range [index,index+size) with a new Block.
func (s *stage) lease(index, size int64) v1alpha1.Lease {
	s.Helper()
	given := make(chan struct{})
	go func() {
		defer close(given)
		s.give(s.block(pending), index, size)
	}()
	resp := s.claim(long)
	<-given
	if len(resp.Leases) != 1 || resp.Leases[0].Index != index || resp.Leases[0].Size != size {
		s.Fatalf("%+v, want one lease of [%d,%d)", resp, index, index+size)
	}
	return resp.Leases[0]
}

// report turns in one report, and returns its receipt.
func (s *stage) report(r v1alpha1.Report) v1alpha1.Receipt {
	s.Helper()
	resp, err := s.up.Exchange(s.Context(), "primes", &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: "w"}, Reports: []v1alpha1.Report{r}})
	s.must(err)
	if len(resp.Receipts) > 0 {
		return resp.Receipts[0].Receipt
	}
	return v1alpha1.Receipt{Status: v1alpha1.ReportAccepted, Items: resp.Items}
}

// renew renews one lease.
func (s *stage) renew(token string) v1alpha1.RenewedLease {
	s.Helper()
	resp, err := s.up.Exchange(s.Context(), "primes", &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: "w"}, Renew: []string{token}})
	s.must(err)
	return resp.Renewed[0]
}

func done(token string, index, size int64) v1alpha1.Report {
	return v1alpha1.Report{Token: token, Done: []v1alpha1.Range{{Index: index, Size: size}}}
}
