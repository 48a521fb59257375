package worklists

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// Blocks that are turned in scattered over more ranges than a status may hold are merged bit by bit, while what they have not
// done is done by others. Nothing of what they have done is done again, and the list gets done.
func TestScatteredIsMergedBitByBit(t *testing.T) {
	for _, phase := range []v1alpha1.BlockPhase{v1alpha1.BlockReleased, v1alpha1.BlockExpired, v1alpha1.BlockDone} {
		t.Run(string(phase), func(t *testing.T) {
			const blocks, pieces, size = 4, 800, 2000 // per Block: of each two items one is done, at first
			now := time.Unix(1e9, 0)
			list := &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Name: "list", UID: "list"}, Spec: v1alpha1.WorklistSpec{Size: blocks * size, RedoStragglers: true,
				Block: v1alpha1.BlockPolicy{Size: size, MaxAttempts: 10}}}
			var all []v1alpha1.Block
			made := 0
			ask := func() {
				made++
				name := fmt.Sprintf("b%05d", made)
				all = append(all, v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name),
					OwnerReferences: []metav1.OwnerReference{{Kind: v1alpha1.WorklistKind, Name: "list", UID: "list"}}},
					Spec: v1alpha1.BlockSpec{Worklist: "list", Worker: name}})
			}
			for range blocks {
				ask()
			}
			var acked worklist.Set
			largest := 0
			for steps := 0; !list.Status.Phase().Over(); steps++ {
				if steps > 5000 {
					t.Fatalf("it does not end: %d done, %d ranges", list.Status.Done, len(list.Status.DoneRanges))
				}
				now = now.Add(time.Minute)
				plan := Decide(Situation{Now: now, List: list, Blocks: all, Size: list.Spec.Size, Fingerprint: "sha256:x"})
				list.Status = plan.Status
				text, _ := json.Marshal(list.Status)
				largest = max(largest, len(text))
				given, gone := map[string]Gift{}, map[string]bool{}
				for _, g := range plan.Give {
					given[g.Block.Name] = g
					for range acked.Within(g.Range.Core()) {
						t.Fatalf("%v goes out again, of which something is done", g.Range.Core())
					}
				}
				for _, b := range plan.Discard {
					gone[b.Name] = true
				}
				var left []v1alpha1.Block
				for _, b := range all {
					if gone[b.Name] {
						continue
					}
					if g, ok := given[b.Name]; ok {
						b.Status = v1alpha1.BlockStatus{Turn: g.Turn, Index: &g.Index, Size: &g.Size, Restarts: g.Attempt - 1}
						end := v1alpha1.BlockDone
						if g.Attempt == 1 {
							for i := range int64(pieces) {
								b.Status.DoneRanges = append(b.Status.DoneRanges, v1alpha1.Range{Index: g.Index + 2*i, Size: 1})
								if end = phase; phase == v1alpha1.BlockDone {
									b.Status.FailedRanges = append(b.Status.FailedRanges, v1alpha1.FailedItems{Range: v1alpha1.Range{Index: g.Index + 2*i + 1, Size: 1}})
								}
							}
							for _, r := range b.Status.DoneRanges {
								acked.Put(r.Core(), struct{}{})
							}
						}
						if end == v1alpha1.BlockDone {
							acked.Put(g.Range.Core(), struct{}{})
							for _, f := range b.Status.FailedRanges {
								acked.Delete(f.Core())
							}
						}
						b.Status.SetPhase(end, "", metav1.NewTime(now))
					}
					left = append(left, b)
				}
				all = left
				for len(all) < 40 {
					ask()
				}
			}
			if rec := list.Status.Record(); rec.Done.Sum() != list.Spec.Size {
				t.Errorf("over with %d done of %d", rec.Done.Sum(), list.Spec.Size)
			}
			if largest > 64<<10 {
				t.Errorf("the status took %d bytes", largest)
			}
			t.Logf("%d bytes at most", largest)
		})
	}
}
