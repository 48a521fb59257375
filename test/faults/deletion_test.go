package faults

import (
	"context"
	"net/http"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// A Worklist that is deleted goes, with its Blocks: those that are out, that are turned in, that wait.
func TestDeletion(t *testing.T) {
	for _, c := range []struct {
		what string
		args func(ns string) []string
	}{
		{"background", func(ns string) []string {
			return []string{"worklist", "list", "--namespace", ns, "--cascade=background"}
		}},
		{"foreground", func(ns string) []string {
			return []string{"worklist", "list", "--namespace", ns, "--cascade=foreground"}
		}},
		{"orphans", func(ns string) []string { return []string{"worklist", "list", "--namespace", ns, "--cascade=orphan"} }},
		{"namespace", func(ns string) []string { return []string{"namespace", ns} }},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.manage(nil)
			s.outAndWaiting("list")
			out, err := running.Kubectl(t.Context(), append([]string{"delete", "--wait", "--timeout=" + patience.String()}, c.args(s.ns)...)...)
			if err != nil {
				t.Fatalf("%v: %s\n%s", err, out, s.describe())
			}
			s.until("no list is left", func() bool { return len(s.lists) == 0 })
			s.until("no Block is left but one that waits, and has lost its owner", func() bool {
				for _, b := range s.blocks {
					if b.Status.Phase() != "NoWorklist" || c.what != "orphans" {
						return false
					}
				}
				return true
			})
		})
	}
}

// outAndWaiting makes a list with a Block that is out, one that is turned in, one that a person has made by hand and one that
// waits.
func (s *site) outAndWaiting(name string) {
	s.t.Helper()
	s.create(name, v1alpha1.WorklistSpec{Size: 16, Block: v1alpha1.BlockPolicy{Size: 4}, Limits: v1alpha1.Limits{Blocks: 5, BlocksPerWorker: 2}})
	s.take(name, "w").renew(s.t.Context(), 2)
	s.make(&v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Name: name + "-byhand", Namespace: s.ns}, Spec: v1alpha1.BlockSpec{Worklist: name, Worker: "hand"}})
	s.phase(name+"-byhand", v1alpha1.BlockWorking)
	s.take(name, "w")
	s.take(name, "x").done()
	waits, err := s.worker(name, "w").ask(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	s.phase(waits.name, "WorkerLimit")
}

// Nobody is there when a Worklist is deleted and made anew under its name. What the Blocks of the old one have done is nothing to
// the new one: they go.
func TestMadeAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first := s.manage(nil)
	spec := v1alpha1.WorklistSpec{Size: 16, Block: v1alpha1.BlockPolicy{Size: 4}}
	old := s.create("list", spec)
	x, y := s.take("list", "w"), s.take("list", "w")

	// A Block may belong to something else: a pod, or here a ConfigMap.
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner", Namespace: s.ns}}
	s.make(owner)
	s.make(&v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Name: "another", Namespace: s.ns, Finalizers: []string{v1alpha1.BlockFinalizer},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}}},
		Spec: v1alpha1.BlockSpec{Worklist: "list", Worker: "owned"}})
	z := &hand{worker: s.worker("list", "owned"), name: "another"}
	z.must(z.next(t.Context()), "the Block is given a range")
	z.uid = z.version.UID

	first.Stop()
	x.done()
	z.done()
	if out, err := running.Kubectl(t.Context(), "delete", "worklist", "list", "--namespace", s.ns, "--cascade=orphan", "--timeout="+patience.String()); err != nil {
		t.Fatal(err, out)
	}
	again := s.create("list", spec)
	if again.UID == old.UID {
		t.Fatal("it is the same")
	}
	w := s.worker("list", "new")
	first4, err := w.ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// The next manager gets as far as to hand out the first items, which the old Blocks have as well, but not to let go of those.
	deletions := chaos.NewGate(func(r *http.Request) bool { return r.Method == http.MethodPatch || r.Method == http.MethodDelete })
	deletions.Close()
	next := s.manage(deletions.Fault)
	first4.must(first4.next(t.Context()), "the new list's Block is given a range")
	next.Stop()
	s.manage(nil)
	for _, h := range []*hand{x, y, z} {
		s.gone(h)
	}
	if st := s.status("list"); st.Done > 0 {
		t.Errorf("done are %v, of which nobody has done anything", st.DoneRanges)
	}
	first4.done()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got := first4.r.Size()
	w.work(ctx, func(h *hand) {
		got += h.r.Size()
		h.finish(ctx, v1alpha1.BlockDone, nil)
	})
	s.complete("list", 0)
	if got != 16 {
		t.Errorf("%d items were given out of a list of 16 that was made anew", got)
	}
}
