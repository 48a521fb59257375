package worklists

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// world is what the API server holds, reduced to what the safety of [Decide] rests on: each write is for an object as it was
// read, or it is a conflict.
type world struct {
	t       *rapid.T
	now     time.Time
	list    v1alpha1.Worklist
	blocks  map[string]*v1alpha1.Block
	version int
	made    int
	acked   worklist.Set // what workers were told is done
}

// inCharge is a controller that believes it leads: what it has read, and what it has still to write.
type inCharge struct {
	list   *v1alpha1.Worklist
	writes []func() bool // in order; false: a conflict, so that the rest is forgotten
}

func (w *world) next() string {
	w.version++
	return fmt.Sprint(w.version)
}

func copyOf[T any](x *T) *T {
	b, err := json.Marshal(x)
	if err != nil {
		panic(err)
	}
	out := new(T)
	if err := json.Unmarshal(b, out); err != nil {
		panic(err)
	}
	return out
}

// put replaces a Block if it is the one that was read.
func (w *world) put(read *v1alpha1.Block, change func(*v1alpha1.Block)) bool {
	b := w.blocks[read.Name]
	if b == nil || b.UID != read.UID || b.ResourceVersion != read.ResourceVersion {
		return false
	}
	b = copyOf(b)
	change(b)
	b.ResourceVersion = w.next()
	w.blocks[b.Name] = b
	if !b.DeletionTimestamp.IsZero() && len(b.Finalizers) == 0 {
		delete(w.blocks, b.Name)
	}
	w.check()
	return true
}

// check: no item is in two hands. Where stragglers are done twice it may be in two at the same attempt; who lost the race may have
// it in hand still when it goes out once more.
func (w *world) check() {
	type out struct {
		item    int64
		attempt int
	}
	hands := map[out]int{}
	for _, name := range slices.Sorted(maps.Keys(w.blocks)) {
		b := w.blocks[name]
		if !b.Status.Held() {
			continue
		}
		for i := rangeOf(b).Start; i < rangeOf(b).End; i++ {
			x, most := out{item: i}, 1
			if w.list.Spec.RedoStragglers {
				x.attempt, most = b.Status.Attempt(), 2
			}
			if hands[x]++; hands[x] > most {
				w.t.Fatalf("item %d is in more than %d hands, one is %s", i, most, b.Name)
			}
		}
	}
}

// checkPlan: a Block is not taken from its worker while it may still be turned in, and nothing is counted twice.
func (w *world) checkPlan(plan *Plan) {
	if plan.Status.Done+plan.Status.Failed > plan.Status.Size {
		w.t.Fatalf("%d done and %d failed of %d", plan.Status.Done, plan.Status.Failed, plan.Status.Size)
	}
	if plan.Status.Phase().Over() {
		return
	}
	rec := plan.Status.Record()
	for _, b := range plan.Discard {
		if !b.Status.Held() {
			continue
		}
		for i := rangeOf(b).Start; i < rangeOf(b).End; i++ {
			one := worklist.Range{Start: i, End: i + 1}
			if try, _ := rec.Retry.Get(i); !rec.Done.Covers(one) && !rec.Failed.Covers(one) && try.Attempts+1 == b.Status.Attempt() {
				w.t.Fatalf("Block %s is discarded, though item %d is its worker's: %+v", b.Name, i, b.Status)
			}
		}
	}
}

func (w *world) readBlocks() (out []v1alpha1.Block) {
	for _, name := range slices.Sorted(maps.Keys(w.blocks)) {
		out = append(out, *copyOf(w.blocks[name]))
	}
	return out
}

// decide plans, and lines up the writes as the Reconciler does them.
func (w *world) decide(m *inCharge, shuffle func([]func() bool)) {
	blocks := w.readBlocks()
	plan := Decide(Situation{Now: w.now, List: m.list, Blocks: blocks, Size: w.list.Spec.Size, Fingerprint: "sha256:x"})
	read := m.list.ResourceVersion
	if read == w.list.ResourceVersion { // others come to nothing
		w.checkPlan(&plan)
	}
	m.writes = nil
	if plan.Changed {
		m.writes = append(m.writes, func() bool {
			if w.list.ResourceVersion != read {
				return false
			}
			before := w.list.Status.Record()
			w.list.Status = copyOf(&struct{ S v1alpha1.WorklistStatus }{plan.Status}).S
			w.list.ResourceVersion = w.next()
			after := w.list.Status.Record()
			if err := after.Check(); err != nil {
				w.t.Fatal(err)
			}
			for r := range before.Done.All() {
				if !after.Done.Covers(r) {
					w.t.Fatalf("%v is not done any more", r)
				}
			}
			return true
		})
	}
	var rest []func() bool
	for _, g := range plan.Give {
		rest = append(rest, func() bool {
			w.put(g.Block, func(b *v1alpha1.Block) {
				st := v1alpha1.BlockStatus{Turn: g.Turn, Index: &g.Index, Size: &g.Size, Restarts: g.Attempt - 1}
				st.SetPhase(v1alpha1.BlockWorking, "", metav1.NewTime(w.now))
				b.Status = st
			})
			return true
		})
	}
	for _, n := range plan.Tell {
		rest = append(rest, func() bool {
			w.put(n.Block, func(b *v1alpha1.Block) {
				st := v1alpha1.BlockStatus{Turn: b.Status.Turn}
				st.SetPhase(n.Reason, n.Text, metav1.NewTime(w.now))
				b.Status = st
			})
			return true
		})
	}
	for _, b := range plan.Discard {
		rest = append(rest, func() bool {
			w.put(b, func(b *v1alpha1.Block) { b.Finalizers, b.DeletionTimestamp = nil, &metav1.Time{Time: w.now} })
			return true
		})
	}
	shuffle(rest)
	m.writes = append(m.writes, rest...)
	m.list = nil
}

func (w *world) create(refill bool) {
	w.made++
	b := &v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("b%03d", w.made), UID: types.UID(fmt.Sprint("uid", w.made)),
		ResourceVersion: w.next(), Finalizers: []string{v1alpha1.BlockFinalizer},
		OwnerReferences: []metav1.OwnerReference{{Kind: v1alpha1.WorklistKind, Name: "list", UID: "list"}}},
		Spec: v1alpha1.BlockSpec{Worklist: "list", Worker: fmt.Sprint("w", w.made%3), Refill: refill}}
	w.blocks[b.Name] = b
}

// finish turns a held Block in.
func (w *world) finish(read *v1alpha1.Block, phase v1alpha1.BlockPhase, done, failed []v1alpha1.Range) bool {
	ok := w.put(read, func(b *v1alpha1.Block) {
		b.Status.DoneRanges = done
		for _, f := range failed {
			b.Status.FailedRanges = append(b.Status.FailedRanges, v1alpha1.FailedItems{Range: f, Reason: "exit status 1"})
		}
		b.Status.SetPhase(phase, "", metav1.NewTime(w.now))
	})
	if !ok {
		return false
	}
	if phase == v1alpha1.BlockDone {
		var rest worklist.Set
		rest.Put(rangeOf(read), struct{}{})
		for _, f := range failed {
			rest.Delete(f.Core())
		}
		for r := range rest.All() {
			w.acked.Put(r, struct{}{})
		}
	}
	for _, r := range done {
		w.acked.Put(r.Core(), struct{}{})
	}
	return true
}

// TestDecideInAnyOrder lets two controllers read, decide and write in any order, stop anywhere, and act on what they read long
// ago, while workers come, work, fail, fall silent and go. No item is ever in two hands, what a worker was told is done stays done,
// and once one controller is left alone the list gets done. Where stragglers are done twice, an item may be in two hands.
func TestDecideInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1, 60).Draw(t, "size")
		w := &world{t: t, now: time.Unix(1e9, 0), blocks: map[string]*v1alpha1.Block{}}
		w.list = v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Name: "list", UID: "list", Generation: 1, ResourceVersion: w.next()},
			Spec: v1alpha1.WorklistSpec{Size: size, RedoStragglers: rapid.Bool().Draw(t, "redo"), Block: v1alpha1.BlockPolicy{Size: rapid.Int64Range(1, 10).Draw(t, "block"),
				MaxAttempts: int32(rapid.IntRange(1, 3).Draw(t, "attempts"))},
				Limits: v1alpha1.Limits{Blocks: int32(rapid.IntRange(0, 4).Draw(t, "limit"))}}}
		controllers := []*inCharge{{}, {}}
		order := func(rest []func() bool) {
			for i := range rest { // any order
				j := rapid.IntRange(0, i).Draw(t, "swap")
				rest[i], rest[j] = rest[j], rest[i]
			}
		}
		// old are Blocks as workers read them some time ago.
		var old []*v1alpha1.Block
		pick := func(t *rapid.T, what string, ok func(*v1alpha1.Block) bool) *v1alpha1.Block {
			var fit []*v1alpha1.Block
			for _, name := range slices.Sorted(maps.Keys(w.blocks)) {
				if b := w.blocks[name]; ok(b) {
					fit = append(fit, copyOf(b))
				}
			}
			for _, b := range old {
				if ok(b) {
					fit = append(fit, b)
				}
			}
			if len(fit) == 0 {
				t.Skip("none")
			}
			b := rapid.SampledFrom(fit).Draw(t, what)
			old = append(old[max(0, len(old)-5):], b)
			return b
		}
		held := func(b *v1alpha1.Block) bool { return b.Status.Held() && b.DeletionTimestamp.IsZero() }
		part := func(t *rapid.T, b *v1alpha1.Block) []v1alpha1.Range {
			n := rapid.Int64Range(0, *b.Status.Size).Draw(t, "part")
			if n == 0 {
				return nil
			}
			return []v1alpha1.Range{{Index: *b.Status.Index, Size: n}}
		}
		one := func(t *rapid.T) *inCharge { return rapid.SampledFrom(controllers).Draw(t, "controller") }
		for range rapid.IntRange(0, 3).Draw(t, "blocks") {
			w.create(rapid.Bool().Draw(t, "refill"))
		}
		t.Repeat(map[string]func(*rapid.T){
			"read the list": func(t *rapid.T) { one(t).list = copyOf(&w.list) },
			"read, decide, begin to write": func(t *rapid.T) {
				m := one(t)
				m.list = copyOf(&w.list)
				w.decide(m, order)
				if len(m.writes) > 0 && m.writes[0]() {
					m.writes = m.writes[1:]
				}
			},
			"decide": func(t *rapid.T) {
				if m := one(t); m.list != nil {
					w.decide(m, order)
				}
			},
			"write on": func(t *rapid.T) {
				m := one(t)
				if len(m.writes) == 0 {
					t.Skip("nothing to write")
				}
				if !m.writes[0]() {
					m.writes = nil
					return
				}
				m.writes = m.writes[1:]
			},
			"stop":   func(t *rapid.T) { *one(t) = inCharge{} },
			"create": func(t *rapid.T) { w.create(rapid.Bool().Draw(t, "refill")) },
			"renew": func(t *rapid.T) {
				b := pick(t, "block", held)
				done := part(t, b)
				w.put(b, func(b *v1alpha1.Block) {
					if b.Status.DoneRanges, b.Status.Done = done, 0; len(done) > 0 {
						b.Status.Done = done[0].Size
					}
				})
			},
			"done": func(t *rapid.T) {
				b := pick(t, "block", held)
				w.finish(b, v1alpha1.BlockDone, nil, nil)
			},
			"part fails": func(t *rapid.T) {
				b := pick(t, "block", held)
				w.finish(b, v1alpha1.BlockDone, nil, part(t, b))
			},
			"release": func(t *rapid.T) {
				b := pick(t, "block", held)
				w.finish(b, v1alpha1.BlockReleased, part(t, b), nil)
			},
			"run out": func(t *rapid.T) {
				b := pick(t, "block", held)
				w.finish(b, v1alpha1.BlockExpired, part(t, b), nil)
			},
			"end what is deleted": func(t *rapid.T) {
				b := pick(t, "block", func(b *v1alpha1.Block) bool { return b.Status.Held() && !b.DeletionTimestamp.IsZero() })
				w.finish(b, v1alpha1.BlockReleased, nil, nil)
			},
			"delete": func(t *rapid.T) {
				b := pick(t, "block", func(b *v1alpha1.Block) bool { return b.DeletionTimestamp.IsZero() })
				w.put(b, func(b *v1alpha1.Block) { b.DeletionTimestamp = &metav1.Time{Time: w.now} })
			},
			"time passes": func(*rapid.T) { w.now = w.now.Add(2 * time.Second) },
		})
		for steps := 0; !w.list.Status.Phase().Over(); steps++ {
			if steps > 3000 {
				t.Fatalf("it does not end: %+v", w.list.Status)
			}
			w.now = w.now.Add(time.Second)
			if len(w.blocks) < 3 {
				w.create(steps%2 == 0)
			}
			for _, b := range w.readBlocks() {
				switch {
				case held(&b):
					w.finish(&b, v1alpha1.BlockDone, nil, nil)
				case b.Status.Held():
					w.finish(&b, v1alpha1.BlockReleased, nil, nil)
				}
			}
			m := &inCharge{list: copyOf(&w.list)}
			w.decide(m, func([]func() bool) {})
			for _, write := range m.writes {
				write()
			}
		}
		rec := w.list.Status.Record()
		if rec.Done.Sum()+rec.Failed.Sum() != size {
			t.Fatalf("over with %d done and %d failed of %d", rec.Done.Sum(), rec.Failed.Sum(), size)
		}
		for r := range w.acked.All() {
			if w.list.Spec.RedoStragglers {
				break // of two who did it the first counts, and that may be the one who failed
			}
			if !rec.Done.Covers(r) {
				t.Fatalf("a worker was told that %v is done, and it is not in %v", r, rec.Done.Ranges(0))
			}
		}
	})
}
