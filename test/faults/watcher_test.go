package faults

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
	"teamtask.dev/worklist"
)

// mostStatus is what a Worklist's status may take.
const mostStatus = 64 << 10

// watcher sees every version of the Blocks and Worklists of a namespace, each kind in the order in which they were written, and
// fails the test where one breaks a promise.
type watcher struct {
	*chaos.View
	blocks map[string]*v1alpha1.Block
	lists  map[string]*v1alpha1.Worklist
	seen   map[types.UID]*ledger // by Worklist
	ended  map[types.UID]bool    // Blocks that are no more

	turns, most, largest int // ranges given out, Blocks at a time, bytes of a status
}

// ledger is what the Blocks of a list have shown so far.
type ledger struct {
	live  map[types.UID]worklist.Range // in a worker's hand
	acked worklist.Set                 // turned in as done
}

func watch(t *testing.T, c client.WithWatch, ns string) *watcher {
	t.Helper()
	w := &watcher{View: chaos.NewView(t), blocks: map[string]*v1alpha1.Block{}, lists: map[string]*v1alpha1.Worklist{},
		seen: map[types.UID]*ledger{}, ended: map[types.UID]bool{}}
	w.Follow(c, ns, w.take, &v1alpha1.BlockList{}, &v1alpha1.WorklistList{})
	return w
}

func (w *watcher) take(kind apiwatch.EventType, o client.Object) {
	switch o := o.(type) {
	case *v1alpha1.Block:
		old := w.blocks[o.Name]
		if old != nil && old.UID != o.UID {
			old = nil
		}
		w.checkBlock(old, o, kind == apiwatch.Deleted)
		if w.blocks[o.Name] = o; kind == apiwatch.Deleted {
			delete(w.blocks, o.Name)
			w.ended[o.UID] = true
		}
		w.most = max(w.most, len(w.blocks))
	case *v1alpha1.Worklist:
		if old := w.lists[o.Name]; old != nil && old.UID == o.UID {
			w.checkList(old, o)
		}
		if w.lists[o.Name] = o; kind == apiwatch.Deleted {
			delete(w.lists, o.Name)
		}
	}
}

// checkBlock: no item is in two hands, what was turned in as done never goes out again, and a range stays as it is for its turn.
func (w *watcher) checkBlock(old, b *v1alpha1.Block, gone bool) {
	l := w.ledgerOf(listOf(b))
	if old != nil {
		was, is := &old.Status, &b.Status
		switch {
		case is.Turn < was.Turn:
			w.Breach("the turn of Block %s goes back from %d to %d", b.Name, was.Turn, is.Turn)
		case is.Turn == was.Turn && was.Index != nil && is.Index != nil && (*was.Index != *is.Index || *was.Size != *is.Size || was.Restarts != is.Restarts):
			w.Breach("the range of Block %s changes within turn %d: %d,%d to %d,%d", b.Name, is.Turn, *was.Index, *was.Size, *is.Index, *is.Size)
		case is.Turn == was.Turn && was.Finished() != "" && is.Held():
			w.Breach("turn %d of Block %s, which was over, goes on", is.Turn, b.Name)
		case is.Turn > was.Turn && was.Held():
			w.Breach("Block %s is given its turn %d while it is in turn %d", b.Name, is.Turn, was.Turn)
		}
	}
	held := b.Status.Held() && !gone
	before, was := l.live[b.UID]
	if was && !held {
		delete(l.live, b.UID)
		if !gone && b.Status.Index != nil {
			for _, r := range doneOf(b) {
				l.acked.Put(r, struct{}{})
			}
		}
	}
	if !held || was && before == rangeOf(b) {
		return
	}
	r := rangeOf(b)
	w.turns++
	for uid, other := range l.live {
		if x := other.Intersect(r); x.Size() > 0 && uid != b.UID {
			w.Breach("%v is in two hands: Block %s is given %v, and another has %v", x, b.Name, r, other)
		}
	}
	for x := range l.acked.Within(r) {
		w.Breach("%v was turned in as done, and goes out again to Block %s", x, b.Name)
	}
	l.live[b.UID] = r
}

// checkList: what is done stays done, the record is sound, and the status small.
func (w *watcher) checkList(old, wl *v1alpha1.Worklist) {
	was, is := old.Status.Record(), wl.Status.Record()
	for r := range was.Done.All() {
		if !is.Done.Covers(r) {
			w.Breach("%v of %s is not done any more", r, wl.Name)
		}
	}
	if is.Size > 0 {
		if err := is.Check(); err != nil {
			w.Breach("%s: %v", wl.Name, err)
		}
	}
	if wl.Status.Done+wl.Status.Failed > wl.Status.Size {
		w.Breach("%s: %d done and %d failed of %d", wl.Name, wl.Status.Done, wl.Status.Failed, wl.Status.Size)
	}
	status, err := json.Marshal(wl.Status)
	if err != nil {
		w.Breach("%s: %v", wl.Name, err)
	}
	if w.largest = max(w.largest, len(status)); len(status) > mostStatus {
		w.Breach("the status of %s takes %d bytes, in %d done, %d failed and %d ranges to do again", wl.Name, len(status), is.Done.Len(), is.Failed.Len(), is.Retry.Len())
	}
}

// listOf is the Worklist that a Block was made for.
func listOf(b *v1alpha1.Block) types.UID {
	for _, o := range b.OwnerReferences {
		if o.Kind == v1alpha1.WorklistKind {
			return o.UID
		}
	}
	return ""
}

func (w *watcher) ledgerOf(list types.UID) *ledger {
	if w.seen[list] == nil {
		w.seen[list] = &ledger{live: map[types.UID]worklist.Range{}}
	}
	return w.seen[list]
}

func rangeOf(b *v1alpha1.Block) worklist.Range {
	return b.Status.Range().Core()
}

// doneOf are the items that a Block whose turn is over was turned in with.
func doneOf(b *v1alpha1.Block) []worklist.Range {
	var done worklist.Set
	if b.Status.Finished() == v1alpha1.BlockDone {
		done.Put(rangeOf(b), struct{}{})
		for _, f := range b.Status.FailedRanges {
			done.Delete(f.Core())
		}
	}
	for _, r := range b.Status.DoneRanges {
		done.Put(r.Core(), struct{}{})
	}
	return done.Ranges(0)
}

// acknowledged is what workers have turned in of a list as done so far.
func (w *watcher) acknowledged(list types.UID) []worklist.Range {
	w.Lock()
	defer w.Unlock()
	return w.ledgerOf(list).acked.Ranges(0)
}

// describe says what is there, for a test that fails.
func (w *watcher) describe() string {
	w.Lock()
	defer w.Unlock()
	var out strings.Builder
	for name, wl := range w.lists {
		st := wl.Status
		fmt.Fprintf(&out, "%s: %s (%s), next %d of %d, done %v, failed %v, again %v, handouts %v\n", name, st.Phase(), st.Reason(), st.Next, st.Size,
			st.DoneRanges, st.FailedRanges, st.RetryRanges, st.Handouts)
	}
	for name, b := range w.blocks {
		what := "nothing"
		if b.Status.Index != nil {
			what = rangeOf(b).String()
		}
		fmt.Fprintf(&out, "Block %s of worker %s: %s, %s in turn %d, restarts %d, deleted %v\n", name, b.Spec.Worker, b.Status.Phase(), what, b.Status.Turn,
			b.Status.Restarts, b.DeletionTimestamp)
	}
	return out.String()
}
