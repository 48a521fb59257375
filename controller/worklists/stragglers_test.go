package worklists

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
)

// Who has nothing to do at the very end does a straggler's items once more; not a tier's, which has told its own workers by then
// what counts, and a tier does nobody's.
func TestStragglers(t *testing.T) {
	now := time.Unix(1e9, 0)
	block := func(name string, bulk int64) v1alpha1.Block {
		return v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Spec: v1alpha1.BlockSpec{Worklist: "list", Worker: name, Size: bulk}}
	}
	for _, c := range []struct {
		what            string
		straggler, idle int64 // spec.size
		redone          bool
	}{
		{"a worker's", 0, 0, true},
		{"a tier's", 10, 0, false},
		{"by a tier", 0, 10, false},
	} {
		list := &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Name: "list", UID: "list"}, Spec: v1alpha1.WorklistSpec{Size: 10, RedoStragglers: true,
			Block: v1alpha1.BlockPolicy{Size: 10}}}
		all := []v1alpha1.Block{block("straggler", c.straggler)}
		decide := func() Plan {
			plan := Decide(Situation{Now: now, List: list, Blocks: all, Size: 10, Fingerprint: "sha256:x"})
			list.Status = plan.Status
			for _, g := range plan.Give {
				for i := range all {
					if b := &all[i]; b.UID == g.UID {
						b.OwnerReferences = []metav1.OwnerReference{{Kind: v1alpha1.WorklistKind, Name: "list", UID: "list"}}
						b.Status = v1alpha1.BlockStatus{Turn: g.Turn, Index: &g.Index, Size: &g.Size, Restarts: g.Attempt - 1}
						b.Status.SetPhase(v1alpha1.BlockWorking, "", metav1.NewTime(now))
					}
				}
			}
			return plan
		}
		decide()
		all = append(all, block("idle", c.idle))
		if plan := decide(); (len(plan.Give) == 1) != c.redone {
			t.Errorf("%s: %d ranges go out", c.what, len(plan.Give))
		}
		if plan := decide(); len(plan.Discard) > 0 {
			t.Errorf("%s: Block %s is discarded", c.what, plan.Discard[0].Name)
		}
	}
}
