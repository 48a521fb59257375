package faults

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// Of two managers one reads the Worklist, and is held up. Meanwhile the other gives out a range, and it is turned in. What the
// first then sees is a Block that its old Worklist knows nothing of: it must not take it for one that has nothing to say.
func TestOldReadTakesNothingAway(t *testing.T) {
	for _, c := range []struct {
		what    string
		absent  bool // there is no list yet, by what was read
		refill  bool // so that the Block would not be deleted,
		suspend bool // but told that there is nothing, by what was read
	}{
		{"deletes", false, false, false},
		{"tells", false, true, true},
		{"abandons", true, false, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			quick, slow := chaos.NewGate(readsBlocks), chaos.NewGate(readsBlocks)
			s.manage(quick.Fault)
			create := func() {
				s.create("list", v1alpha1.WorklistSpec{Size: 8, Suspend: c.suspend, Block: v1alpha1.BlockPolicy{Size: 8}})
				s.until("the list is looked at", func() bool { return s.lists["list"] != nil && s.lists["list"].Status.Phase() != "" })
			}
			if c.absent { // something has to be there that names it
				s.make(&v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Name: "early", Namespace: s.ns}, Spec: v1alpha1.BlockSpec{Worklist: "list", Worker: "b"}})
			} else {
				create()
			}
			slow.Close()
			s.manage(slow.Fault)
			receive(t, slow.Waiting())
			if c.absent {
				s.delete("early", "")
				create()
			}

			s.change("list", func(spec *v1alpha1.WorklistSpec) { spec.Suspend = false })
			w := s.worker("list", "a")
			w.refill = c.refill
			x, err := w.ask(t.Context())
			if err != nil || !x.next(t.Context()) {
				t.Fatal("no range: ", err)
			}
			quick.Close()
			if v := x.finish(t.Context(), v1alpha1.BlockDone, nil); v != accepted {
				t.Fatal(v)
			}
			slow.Open()
			s.until("the Block is seen to", func() bool {
				b := s.blocks[x.name]
				return b == nil || b.Status.Finished() == ""
			})
			quick.Open()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			s.worker("list", "b").work(ctx, func(x *hand) { x.finish(ctx, v1alpha1.BlockDone, nil) })
			s.complete("list", 0)
		})
	}
}

// receive waits for a channel.
func receive[T any](t *testing.T, c <-chan T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case <-c:
	case <-ctx.Done():
		t.Fatal("it never happens")
	}
}
