package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// patience is how long a test waits for what has to happen: seconds on a quiet machine, far more on a busy one.
const patience = 3 * time.Minute

// site is a namespace of a test's own.
type site struct {
	t      *testing.T
	ns     string
	client client.Client // an administrator's
}

var namespaces atomic.Int64

// newSite makes a namespace with these labels. When the test is over all in it is removed, so that it does not slow down others.
func newSite(t *testing.T, labels ...string) *site {
	t.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", running.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	cfg.QPS = -1 // the API server's own flow control is enough
	c, err := client.New(cfg, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, ns: fmt.Sprintf("site-%d", namespaces.Add(1)), client: c}
	s.kubectl("create", "namespace", s.ns)
	if len(labels) > 0 {
		s.kubectl(append([]string{"label", "namespace", s.ns}, labels...)...)
	}
	t.Cleanup(func() {
		if t.Failed() {
			s.describe()
		}
		ctx := context.WithoutCancel(t.Context())
		for _, args := range [][]string{
			{"delete", "namespace", s.ns, "--wait=false"},
			{"delete", "pods", "--all", "--namespace", s.ns, "--grace-period=1", "--wait=false"},
		} {
			if _, err := running.Kubectl(ctx, args...); err != nil && !strings.Contains(err.Error(), "not found") {
				t.Error(err)
			}
		}
	})
	return s
}

// describe logs all that may tell why a test failed.
func (s *site) describe() {
	ctx := context.WithoutCancel(s.t.Context())
	for _, args := range [][]string{
		{"get", "worklists,blocks,jobs,pods", "--output=wide", "--namespace", s.ns},
		{"get", "worklists", "--output=yaml", "--namespace", s.ns},
		{"get", "events", "--namespace", s.ns},
		{"get", "namespace", s.ns, "--output=yaml"},
		{"logs", "--selector=app.kubernetes.io/component=controller", "--tail=20", "--prefix", "--namespace", system},
		{"get", "pods", "--namespace", system},
	} {
		out, err := running.Kubectl(ctx, args...)
		if err != nil {
			out = err.Error()
		}
		s.t.Logf("kubectl %s\n%s", strings.Join(args, " "), out)
	}
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// kubectl runs kubectl as an administrator, in the namespace unless another is named.
func (s *site) kubectl(args ...string) string {
	s.t.Helper()
	out, err := running.Kubectl(s.t.Context(), append([]string{"--namespace", s.ns}, args...)...)
	s.must(err)
	return out
}

// try is kubectl that may fail.
func (s *site) try(args ...string) (string, error) {
	return running.Kubectl(s.t.Context(), append([]string{"--namespace", s.ns}, args...)...)
}

// apply applies a manifest.
func (s *site) apply(manifest string) {
	s.t.Helper()
	s.must(s.tryApply(manifest))
}

// tryApply is apply that may fail.
func (s *site) tryApply(manifest string) error {
	s.t.Helper()
	file := s.t.TempDir() + "/manifest.yaml"
	s.must(os.WriteFile(file, []byte(manifest), 0o600))
	_, err := s.try("apply", "--filename", file)
	return err
}

// pods are those of a list.
func (s *site) pods(list string) []corev1.Pod {
	s.t.Helper()
	var pods corev1.PodList
	s.must(s.client.List(s.t.Context(), &pods, client.InNamespace(s.ns), client.MatchingLabels{"teamtask.dev/worklist": list}))
	return pods.Items
}

func (s *site) blocks() []v1alpha1.Block {
	s.t.Helper()
	var blocks v1alpha1.BlockList
	s.must(s.client.List(s.t.Context(), &blocks, client.InNamespace(s.ns)))
	return blocks.Items
}

func (s *site) list(name string) *v1alpha1.Worklist {
	s.t.Helper()
	var list v1alpha1.Worklist
	s.must(s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, &list))
	return &list
}

// complete waits until a list is complete, and looks whether it was done as it should: all of it, in one range.
func (s *site) complete(name string) {
	s.t.Helper()
	s.kubectl("wait", "--for=condition=Complete", "--timeout="+patience.String(), "worklist/"+name)
	status := s.list(name).Status
	if len(status.DoneRanges) != 1 || status.DoneRanges[0] != (v1alpha1.Range{Size: status.Size}) || status.Failed != 0 {
		s.t.Errorf("of %d items %v are done, %d failed", status.Size, status.DoneRanges, status.Failed)
	}
}

// eventually waits for something to be so; the error says how it is instead.
func (s *site) eventually(what string, so func() error) {
	s.t.Helper()
	begun, deadline := time.Now(), time.After(patience)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		err := so()
		if err == nil {
			s.t.Logf("%s after %.1fs", what, time.Since(begun).Seconds())
			return
		}
		select {
		case <-deadline:
			s.t.Fatalf("%s: still, after %s: %v", what, patience, err)
		case <-again.C:
		}
	}
}

// items is the manifest of a list of 50 items, done by pods that tell a foreman. No lease runs out while a test lasts.
func items(name string, pods int, f *foreman) string {
	return fmt.Sprintf(`
apiVersion: teamtask.dev/v1alpha1
kind: Worklist
metadata: {name: %s}
spec:
  items: {range: {start: 1, end: 50}}
  block: {size: 1, timeout: 5m}
  workers:
    parallelism: %d
    template:
      spec:
        containers:
          - name: work
            image: teamtask.dev/item:test
            command: [/program, %q, "{start}", "{end}"]
`, name, pods, f.url)
}
