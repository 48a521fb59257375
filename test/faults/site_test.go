package faults

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// patience is how long a test waits for what has to happen: seconds on a quiet machine, far more on a busy one.
const patience = 4 * time.Minute

// site is a namespace of a test's own, and what is seen of it.
type site struct {
	t      *testing.T
	ns     string
	client client.WithWatch
	*watcher
}

var namespaces atomic.Int64

// newSite makes a namespace, and watches it until the test ends.
func newSite(t *testing.T) *site {
	t.Helper()
	c, err := client.NewWithWatch(chaos.Connect(t, running), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, ns: fmt.Sprintf("faults-%d", namespaces.Add(1)), client: c}
	if err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.ns}}); err != nil {
		t.Fatal(err)
	}
	s.watcher = watch(t, c, s.ns)
	return s
}

// through is a client with faults on its way.
func (s *site) through(f chaos.Fault) client.Client {
	s.t.Helper()
	cfg := chaos.Connect(s.t, running)
	cfg.Wrap(f.Wrap)
	c, err := client.New(cfg, client.Options{Scheme: scheme, Mapper: s.client.RESTMapper()})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// create makes a Worklist whose failures rest as briefly as can be.
func (s *site) create(name string, spec v1alpha1.WorklistSpec) *v1alpha1.Worklist {
	s.t.Helper()
	if spec.Block.Backoff.Initial == nil {
		brief := &metav1.Duration{Duration: time.Millisecond}
		spec.Block.Backoff = v1alpha1.BackoffPolicy{Initial: brief, Max: brief}
	}
	wl := &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.ns}, Spec: spec}
	s.make(wl)
	s.until(name+" is seen", func() bool { return s.lists[name] != nil && s.lists[name].UID == wl.UID })
	return wl
}

// make makes any object.
func (s *site) make(o client.Object) {
	s.t.Helper()
	if err := s.client.Create(s.t.Context(), o); err != nil {
		s.t.Fatal(err)
	}
}

// change changes a Worklist's spec.
func (s *site) change(name string, change func(*v1alpha1.WorklistSpec)) {
	s.t.Helper()
	wl := &v1alpha1.Worklist{}
	if err := s.client.Get(s.t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, wl); err != nil {
		s.t.Fatal(err)
	}
	before := wl.DeepCopy()
	change(&wl.Spec)
	if err := s.client.Patch(s.t.Context(), wl, client.MergeFrom(before)); err != nil {
		s.t.Fatal(err)
	}
}

// until waits until what is seen is as wanted.
func (s *site) until(what string, wanted func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if err := s.Await(ctx, wanted); err != nil {
		s.t.Fatalf("it never came to this: %s (%v)\n%s", what, err, s.describe())
	}
}

// status is that of a list.
func (s *site) status(list string) *v1alpha1.WorklistStatus {
	s.t.Helper()
	var st *v1alpha1.WorklistStatus
	s.until(list+" is there", func() bool {
		if wl := s.lists[list]; wl != nil {
			st = &wl.Status
		}
		return st != nil
	})
	return st
}

// over waits until a list has ended that way.
func (s *site) over(name string, phase v1alpha1.Phase) *v1alpha1.Worklist {
	s.t.Helper()
	var wl *v1alpha1.Worklist
	s.until(fmt.Sprintf("%s is %s", name, phase), func() bool {
		wl = s.lists[name]
		return wl != nil && wl.Status.Phase().Over()
	})
	if wl.Status.Phase() != phase {
		s.t.Errorf("%s is %s (%s), not %s", name, wl.Status.Phase(), wl.Status.Reason(), phase)
	}
	return wl
}

// complete waits until a list is done, but for the items that are to fail, and all its Blocks are gone.
func (s *site) complete(name string, failed int64) *v1alpha1.Worklist {
	s.t.Helper()
	wl := s.over(name, v1alpha1.PhaseComplete)
	st := &wl.Status
	if failed == 0 && (len(st.DoneRanges) != 1 || st.DoneRanges[0] != v1alpha1.Range{Size: st.Size}) {
		s.t.Errorf("done are %v, not [0,%d)", st.DoneRanges, st.Size)
	}
	rec := st.Record()
	if rec.Failed.Sum() != failed || rec.Done.Sum()+failed != st.Size {
		s.t.Errorf("%d done and %d failed of %d, not %d failed", rec.Done.Sum(), rec.Failed.Sum(), st.Size, failed)
	}
	s.until("no Block is left", func() bool { return len(s.blocks) == 0 }) // and so all is known that was turned in
	for _, r := range s.acknowledged(wl.UID) {
		if !rec.Done.Covers(r) {
			s.t.Errorf("a worker was told that %v is done, and it is not in %v", r, st.DoneRanges)
		}
	}
	return wl
}
