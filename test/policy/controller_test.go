package policy

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/go-logr/logr/funcr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	ctrl "sigs.k8s.io/controller-runtime"

	api "teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller"
)

// The controllers themselves can do their part with the rights that they are given: nothing is forbidden to them while a list
// is done from its first item to its last, by a person and by pods.
func TestControllerDoesItsPart(t *testing.T) {
	ns := newNamespace(t)
	runControllers(t, ns)
	worklists := dynamic.NewForConfigOrDie(admin().config).Resource(schema.GroupVersionResource{Group: api.Group, Version: api.Version, Resource: "worklists"}).Namespace(ns)
	list := map[string]any{"apiVersion": api.APIVersion, "kind": api.WorklistKind, "metadata": map[string]any{"name": "primes"},
		"spec": map[string]any{"size": 20, "block": map[string]any{"size": 10}, "workers": map[string]any{"template": map[string]any{"spec": map[string]any{
			"containers": []any{map[string]any{"name": "work", "image": "primes", "command": []any{"/primes", "{start}", "{end}"}}}}}}}}
	if _, err := worklists.Create(t.Context(), &unstructured.Unstructured{Object: list}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	ann := user("ann", "workers").blocks(ns)
	for range 2 {
		b := newBlock("", "primes")
		b.GenerateName = "primes-"
		b, err := ann.create(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if err := eventually(t.Context(), func() error {
			if b, err = ann.get(t.Context(), b.Name); err == nil && !b.Status.Held() {
				err = errNotYet
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		b.Status.Done, b.Status.DoneRanges = *b.Status.Size, []api.Range{b.Status.Range()}
		b.Status.SetPhase(api.BlockDone, "", metav1.Now())
		if _, err := ann.writeStatus(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := eventually(t.Context(), func() error {
		list, err := worklists.Get(t.Context(), "primes", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if done, _, _ := unstructured.NestedInt64(list.Object, "status", "done"); done != 20 {
			return errNotYet
		}
		left, err := ann.List(t.Context(), metav1.ListOptions{})
		if err == nil && len(left.Items) > 0 {
			err = errNotYet
		}
		return err
	}); err != nil {
		t.Error(err)
	}
}

// runControllers runs the controllers, with the rights that they are given, until the test ends. It fails if they lack one.
func runControllers(t *testing.T, namespace string) {
	t.Helper()
	log := &transcript{}
	logger := funcr.New(log.add, funcr.Options{})
	ctrl.SetLogger(logger)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		ended <- controller.Run(ctx, theController().config, controller.Options{LeaderElect: true, Namespace: "teamtask-system", Watch: []string{namespace},
			WorkerImage: "teamtask.dev/teamtask:test", MetricsAddr: "0", HealthAddr: "0", Log: logger})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if lines := log.containing("forbidden"); len(lines) > 0 {
			t.Errorf("the controllers lack rights:\n%s", strings.Join(lines, "\n"))
		}
	})
}

// transcript is what a program logs.
type transcript struct {
	mu    sync.Mutex
	lines []string
}

func (l *transcript) add(prefix, args string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, prefix+" "+args)
}

func (l *transcript) containing(word string) (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, word) {
			lines = append(lines, line)
		}
	}
	return lines
}
