package worklists

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// play is a list whose Blocks come, are given what is decided, and do what they do with it.
type play struct {
	t       *testing.T
	now     time.Time
	list    *v1alpha1.Worklist
	blocks  []v1alpha1.Block
	made    int
	acked   worklist.Set // what was turned in as done
	largest int          // bytes of the status
}

func newPlay(t *testing.T, spec v1alpha1.WorklistSpec) *play {
	return &play{t: t, now: time.Unix(1e9, 0), list: &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Name: "list", UID: "list"}, Spec: spec}}
}

// ask makes Blocks, with the longest names that there are, until there are so many that are not over.
func (p *play) ask(n int) {
	for _, b := range p.blocks {
		if b.Status.Finished() != "" {
			n++
		}
	}
	for len(p.blocks) < n {
		p.made++
		name := fmt.Sprintf("%0253d", p.made)
		p.blocks = append(p.blocks, v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(fmt.Sprintf("%036d", p.made)),
			OwnerReferences: []metav1.OwnerReference{{Kind: v1alpha1.WorklistKind, Name: "list", UID: "list"}}},
			Spec: v1alpha1.BlockSpec{Worklist: "list", Worker: name}})
	}
}

// decide decides once. A Block that is given something turns it in as it is told to. It tells how many were given something.
func (p *play) decide(turnIn func(b *v1alpha1.Block)) int {
	p.t.Helper()
	p.now = p.now.Add(time.Second)
	plan := Decide(Situation{Now: p.now, List: p.list, Blocks: p.blocks, Size: p.list.Spec.Size, Fingerprint: "sha256:x"})
	p.list.Status = plan.Status
	st := &p.list.Status
	text, err := json.Marshal(st)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.largest = max(p.largest, len(text)); len(text) > 64<<10 {
		p.t.Fatalf("the status takes %d bytes: %d ranges are done, %d have failed, %d are to be done again; %d handouts, %d found", len(text),
			len(st.DoneRanges), len(st.FailedRanges), len(st.RetryRanges), len(st.Handouts), len(st.Found))
	}
	given, gone := map[types.UID]Gift{}, map[types.UID]bool{}
	for _, g := range plan.Give {
		given[g.UID] = g
		for range p.acked.Within(g.Range.Core()) {
			p.t.Fatalf("%v goes out again, of which something is done", g.Range.Core())
		}
	}
	for _, b := range plan.Discard {
		gone[b.UID] = true
	}
	var left []v1alpha1.Block
	for _, b := range p.blocks {
		if g, ok := given[b.UID]; ok {
			b.Status = v1alpha1.BlockStatus{Turn: g.Turn, Index: &g.Index, Size: &g.Size, Restarts: g.Attempt - 1}
			b.Status.SetPhase(v1alpha1.BlockWorking, "", metav1.NewTime(p.now))
			turnIn(&b)
			p.ack(&b)
		}
		if !gone[b.UID] {
			left = append(left, b)
		}
	}
	p.blocks = left
	return len(given)
}

// end ends all turns that last.
func (p *play) end(phase v1alpha1.BlockPhase) {
	for i := range p.blocks {
		if b := &p.blocks[i]; b.Status.Held() {
			b.Status.SetPhase(phase, "", metav1.NewTime(p.now))
			p.ack(b)
		}
	}
}

// ack takes in what a Block was turned in with.
func (p *play) ack(b *v1alpha1.Block) {
	if b.Status.Finished() == "" {
		return
	}
	if b.Status.Finished() == v1alpha1.BlockDone {
		p.acked.Put(rangeOf(b), struct{}{})
		for _, f := range b.Status.FailedRanges {
			p.acked.Delete(f.Core())
		}
	}
	for _, r := range b.Status.DoneRanges {
		p.acked.Put(r.Core(), struct{}{})
	}
}

// finish has all that is left be done, and tells how long that took.
func (p *play) finish() {
	p.t.Helper()
	for steps := 0; !p.list.Status.Phase().Over(); steps++ {
		if steps > 3000 {
			p.t.Fatalf("it does not end: %d are done of %d", p.list.Status.Done, p.list.Status.Size)
		}
		p.now = p.now.Add(time.Minute)
		p.ask(40)
		p.end(v1alpha1.BlockDone)
		p.decide(func(*v1alpha1.Block) {})
	}
	if rec := p.list.Status.Record(); rec.Done.Sum() != p.list.Spec.Size {
		p.t.Errorf("over with %d done of %d", rec.Done.Sum(), p.list.Spec.Size)
	}
}

// A status stays below 64 KiB where all that is in it is as long as it may be: indexes, names, reasons in characters that JSON
// has to escape, found values. The list is as long as a list can be, its Blocks are turned in scattered, and many wait for more.
func TestLongestStatus(t *testing.T) {
	for _, c := range []struct {
		what  string
		phase v1alpha1.BlockPhase
		fails bool
		final bool
	}{
		{"given back", v1alpha1.BlockReleased, false, false},
		{"failed", v1alpha1.BlockDone, true, false},
		{"given up", v1alpha1.BlockDone, true, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := newPlay(t, v1alpha1.WorklistSpec{Size: worklist.MaxSize, RedoStragglers: true, Block: v1alpha1.BlockPolicy{Size: worklist.MaxSize / 600, MaxAttempts: 10}})
			for range 40 {
				p.ask(200)
				p.decide(func(b *v1alpha1.Block) {
					s := &b.Status
					for i := range min(1000, *s.Size/2) {
						s.DoneRanges = append(s.DoneRanges, v1alpha1.Range{Index: *s.Index + 2*i, Size: 1})
						if c.fails {
							s.FailedRanges = append(s.FailedRanges, v1alpha1.FailedItems{Range: v1alpha1.Range{Index: *s.Index + 2*i + 1, Size: 1},
								Reason: fmt.Sprintf("%d %s", i, strings.Repeat("\x1b<", 200)), Final: c.final})
						}
					}
					s.Found = []v1alpha1.Found{{Index: *s.Index, Value: strings.Repeat("\x01", 100)}}
					s.SetPhase(c.phase, "", metav1.NewTime(p.now))
				})
			}
			t.Logf("at most %d bytes", p.largest)
		})
	}
}

// All workers are lost at the same time, or all give back what they have, or fail, each for a reason of its own. What that is takes
// more room than there is; the list goes on, and is done in the end.
func TestAllEndAtOnce(t *testing.T) {
	const blocks, size = 600, 10
	for _, c := range []struct {
		what  string
		phase v1alpha1.BlockPhase
		fails bool
	}{
		{"lost", v1alpha1.BlockExpired, false},
		{"given back", v1alpha1.BlockReleased, false},
		{"failed", v1alpha1.BlockDone, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := newPlay(t, v1alpha1.WorklistSpec{Size: blocks * size, RedoStragglers: true, Limits: v1alpha1.Limits{Blocks: blocks}, Block: v1alpha1.BlockPolicy{Size: size, MaxAttempts: 10}})
			p.ask(blocks)
			for p.list.Status.Next < p.list.Spec.Size {
				if p.decide(func(b *v1alpha1.Block) {
					b.Status.Done, b.Status.DoneRanges = 1, []v1alpha1.Range{{Index: *b.Status.Index, Size: 1}}
					if c.fails {
						b.Status.FailedRanges = []v1alpha1.FailedItems{{Range: v1alpha1.Range{Index: *b.Status.Index + 3, Size: 1}, Reason: b.Name}}
					}
				}) == 0 {
					t.Fatalf("nothing goes out after %d", p.list.Status.Next)
				}
			}
			p.end(c.phase)
			p.finish()
			t.Logf("at most %d bytes", p.largest)
		})
	}
}

// Items fail one by one, and all rest for long.
func TestAllRest(t *testing.T) {
	p := newPlay(t, v1alpha1.WorklistSpec{Size: 600, Block: v1alpha1.BlockPolicy{Size: 1,
		Backoff: v1alpha1.BackoffPolicy{Initial: &metav1.Duration{Duration: 3 * time.Hour}, Max: &metav1.Duration{Duration: 3 * time.Hour}}}})
	for range 600 {
		p.ask(1)
		p.decide(func(b *v1alpha1.Block) {
			b.Status.FailedRanges = []v1alpha1.FailedItems{{Range: v1alpha1.Range{Index: *b.Status.Index, Size: *b.Status.Size}, Reason: "exit status 1"}}
			b.Status.SetPhase(v1alpha1.BlockDone, "", metav1.NewTime(p.now))
		})
	}
	if text := p.list.Status.Reason(); !strings.Contains(text, "as many ranges as the status holds") {
		t.Errorf("nothing goes out, and why is said to be %q", text)
	}
	p.now = p.now.Add(24 * time.Hour)
	p.finish()
	t.Logf("at most %d bytes", p.largest)
}

// Of a list that may have a few Blocks only all are turned in scattered over more ranges than there is room for. They do not keep
// others from doing what is left.
func TestScatteredWithFewBlocks(t *testing.T) {
	p := newPlay(t, v1alpha1.WorklistSpec{Size: 4 * 2000, RedoStragglers: true, Limits: v1alpha1.Limits{Blocks: 2}, Block: v1alpha1.BlockPolicy{Size: 2000, MaxAttempts: 10}})
	p.ask(2)
	p.decide(func(b *v1alpha1.Block) {
		for i := range int64(1000) {
			b.Status.DoneRanges = append(b.Status.DoneRanges, v1alpha1.Range{Index: *b.Status.Index + 2*i, Size: 1})
		}
	})
	p.end(v1alpha1.BlockReleased)
	p.finish()
	t.Logf("at most %d bytes", p.largest)
}
