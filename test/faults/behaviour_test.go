package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/items"
	"teamtask.dev/test/chaos"
	"teamtask.dev/worklist"
)

func seconds(s float64) *metav1.Duration {
	return &metav1.Duration{Duration: time.Duration(s * float64(time.Second))}
}

// take gives a worker a range of a list.
func (s *site) take(list, name string) *hand {
	s.t.Helper()
	return s.worker(list, name).take()
}

func (w *worker) take() *hand {
	w.s.t.Helper()
	ctx, cancel := context.WithTimeout(w.s.t.Context(), patience)
	defer cancel()
	x, err := w.ask(ctx)
	if err != nil {
		w.s.t.Fatal(err)
	}
	x.must(x.next(ctx), "a range is given out")
	return x
}

func (x *hand) must(ok bool, what string) {
	x.s.t.Helper()
	if !ok {
		x.s.t.Fatalf("not so: %s\n%s", what, x.s.describe())
	}
}

// done turns a hand in.
func (x *hand) done(failed ...v1alpha1.FailedItems) {
	x.s.t.Helper()
	if v := x.finish(x.s.t.Context(), v1alpha1.BlockDone, nil, failed...); v != accepted {
		x.s.t.Fatalf("%v is %s", x.r, v)
	}
}

// finishAll has one worker do all that is left.
func (s *site) finishAll(list string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	s.worker(list, "last").work(ctx, func(x *hand) { x.finish(ctx, v1alpha1.BlockDone, nil) })
}

// phase waits until a Block stands somewhere.
func (s *site) phase(block string, phase v1alpha1.BlockPhase) {
	s.t.Helper()
	s.until(fmt.Sprintf("Block %s is %s", block, phase), func() bool { return s.blocks[block] != nil && s.blocks[block].Status.Phase() == phase })
}

// gone waits until a Block is no more.
func (s *site) gone(x *hand) {
	s.t.Helper()
	s.until("Block "+x.name+" is gone", func() bool { return s.ended[x.uid] })
}

func TestSilentWorkerLosesItsBlock(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	const timeout = 10 * time.Second // a worker that renews its lease may be held up for a while, too
	s.create("list", v1alpha1.WorklistSpec{Size: 8, Block: v1alpha1.BlockPolicy{Size: 4, Timeout: &metav1.Duration{Duration: timeout}}})
	alive := s.take("list", "alive")
	silent := s.take("list", "silent")
	begun := time.Now()
	silent.renew(t.Context(), 1)
	lost := func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		return s.Await(ctx, func() bool { return s.ended[silent.uid] }) == nil
	}
	for !lost() {
		if v := alive.renew(t.Context(), 0); v != accepted {
			t.Fatalf("a worker that renews its lease loses it: %s", v)
		}
		if time.Since(begun) > patience {
			t.Fatalf("a silent worker keeps its Block\n%s", s.describe())
		}
	}
	if took := time.Since(begun); took < timeout {
		t.Errorf("a worker was silent for %s, and has lost its Block", took)
	}
	again := s.take("list", "again")
	if want := (worklist.Range{Start: silent.r.Start + 1, End: silent.r.End}); again.r != want || again.version.Status.Restarts != 1 {
		t.Errorf("%v goes out again with %d restarts, not %v with 1", again.r, again.version.Status.Restarts, want)
	}
	if v := silent.finish(t.Context(), v1alpha1.BlockDone, nil); v != refused {
		t.Errorf("who has lost a Block turns it in: %s", v)
	}
	again.done()
	alive.done()
	s.complete("list", 0)
}

// A block with an item that always fails is tried, halved, tried ... until that item alone is given up.
func TestPoisonEndsUpAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("list", v1alpha1.WorklistSpec{Size: 16, Block: v1alpha1.BlockPolicy{Size: 16, MaxAttempts: 2}})
	w := s.worker("list", "w")
	w.refill = true
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w.work(ctx, func(x *hand) {
		if x.r.Contains(worklist.Range{Start: 5, End: 6}) {
			x.finish(ctx, v1alpha1.BlockDone, nil, v1alpha1.FailedItems{Range: v1alpha1.RangeOf(x.r), Reason: "exit status 1"})
			return
		}
		x.finish(ctx, v1alpha1.BlockDone, nil)
	})
	end := s.complete("list", 1)
	if f := end.Status.FailedRanges; len(f) != 1 || f[0].Range != (v1alpha1.Range{Index: 5, Size: 1}) || f[0].Reason != "exit status 1" {
		t.Errorf("given up are %v", f)
	}

	// What was given up is tried again when a person says so, and the list goes on.
	s.change("list", func(spec *v1alpha1.WorklistSpec) { spec.RetryFailed = 1 })
	s.until("the list goes on", func() bool { return !s.lists["list"].Status.Phase().Over() })
	s.take("list", "w").done()
	s.complete("list", 0)
}

func TestFailureRests(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("list", v1alpha1.WorklistSpec{Size: 4, Block: v1alpha1.BlockPolicy{Size: 4, Backoff: v1alpha1.BackoffPolicy{Initial: seconds(1800), Max: seconds(3600)}}})
	from := time.Now()
	x := s.take("list", "w")
	x.done(failing(x.r, 2)...)
	next, err := s.worker("list", "w").ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.phase(next.name, "Resting")
	s.until("what failed is to be done again", func() bool { return len(s.lists["list"].Status.RetryRanges) > 0 })
	again := s.status("list").RetryRanges
	if len(again) != 1 || again[0].Range != (v1alpha1.Range{Index: 2, Size: 1}) || again[0].Attempts != 1 || again[0].Until == nil {
		t.Fatalf("to be done again is %+v", again)
	}
	if rest := again[0].Until.Sub(from); rest < 1800*time.Second || rest > 1800*time.Second+time.Since(from)+time.Second {
		t.Errorf("it rests for %s, not half an hour", rest)
	}
}

func TestSuspend(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("list", v1alpha1.WorklistSpec{Size: 8, Block: v1alpha1.BlockPolicy{Size: 4}})
	x := s.take("list", "w")
	s.change("list", func(spec *v1alpha1.WorklistSpec) { spec.Suspend = true })
	s.until("the list is suspended", func() bool { return s.lists["list"].Status.Phase() == v1alpha1.PhaseSuspended })
	waits, err := s.worker("list", "w").ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.phase(waits.name, "Suspended")
	x.done()
	s.until("what was out counts", func() bool { return s.lists["list"].Status.Done == 4 })
	s.change("list", func(spec *v1alpha1.WorklistSpec) { spec.Suspend = false })
	waits.must(waits.next(t.Context()), "the Block that waits is given a range")
	waits.done()
	s.complete("list", 0)
}

// A list that ends before its time ends with all that was turned in before; what is still out is taken away.
func TestEndKeepsWhatWasTurnedIn(t *testing.T) {
	for _, c := range []struct {
		what  string
		spec  v1alpha1.WorklistSpec
		end   func(s *site, x *hand)
		phase v1alpha1.Phase
	}{
		{"cancelled", v1alpha1.WorklistSpec{}, func(s *site, x *hand) {
			s.change("list", func(spec *v1alpha1.WorklistSpec) { spec.Cancelled = true })
		}, v1alpha1.PhaseCancelled},
		{"deadline", v1alpha1.WorklistSpec{}, func(s *site, x *hand) {
			s.change("list", func(spec *v1alpha1.WorklistSpec) { spec.Deadline = seconds(0.001) })
		}, v1alpha1.PhaseFailed},
		{"too many failures", v1alpha1.WorklistSpec{ToleratedFailures: new(intstr.FromInt32(0))}, func(s *site, x *hand) {
			bad := failing(x.r, x.r.Start+1)
			bad[0].Final = true
			x.done(bad...)
		}, v1alpha1.PhaseFailed},
		{"first success", v1alpha1.WorklistSpec{StopAtFirstSuccess: true}, func(s *site, x *hand) {
			v := x.write(s.t.Context(), func(st *v1alpha1.BlockStatus) {
				st.Found = []v1alpha1.Found{{Index: x.r.Start, Value: "eureka"}}
				st.SetPhase(v1alpha1.BlockDone, "", metav1.Now())
			})
			x.must(v == accepted, "the success is turned in")
		}, v1alpha1.PhaseComplete},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			busy := chaos.NewGate(readsBlocks)
			s.manage(busy.Fault)
			c.spec.Size, c.spec.Block.Size = 20, 4
			wl := s.create("list", c.spec)
			var all []*hand
			for i := range 4 {
				all = append(all, s.take("list", fmt.Sprint("w", i)))
			}
			busy.Close()
			c.end(s, all[0]) // of the Block that comes first by name
			all[1].done()
			all[2].done()
			busy.Open()
			end := s.over("list", c.phase)
			s.gone(all[3])
			s.until("no Block is left", func() bool { return len(s.blocks) == 0 }) // and so all is known that was turned in
			rec := end.Status.Record()
			for _, r := range s.acknowledged(wl.UID) {
				if !rec.Done.Covers(r) {
					t.Errorf("%v was turned in before the end, and done are %v", r, end.Status.DoneRanges)
				}
			}
			if rec.Done.Covers(all[3].r) {
				t.Errorf("%v, which was out, is taken for done", all[3].r)
			}
		})
	}
}

// Who finds something says so at once, and the list ends. What they have not done of their Block is not done.
func TestFoundOnTheWay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("list", v1alpha1.WorklistSpec{Size: 20, StopAtFirstSuccess: true, Block: v1alpha1.BlockPolicy{Size: 10}})
	x := s.take("list", "w")
	v := x.write(t.Context(), func(st *v1alpha1.BlockStatus) { st.Found = []v1alpha1.Found{{Index: x.r.Start + 3, Value: "eureka"}} })
	x.must(v == accepted, "the worker says what it found")
	end := s.over("list", v1alpha1.PhaseComplete)
	if f := end.Status.Found; len(f) != 1 || f[0].Value != "eureka" || f[0].Worker != "w" {
		t.Errorf("found is %+v", f)
	}
	if end.Status.Done > 1 {
		t.Errorf("%d items are taken for done, of which nobody has said so", end.Status.Done)
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	wl := s.create("list", v1alpha1.WorklistSpec{Size: 4})
	x := s.take("list", "w")
	at := time.Now().Add(2 * time.Second)
	s.change("list", func(spec *v1alpha1.WorklistSpec) {
		spec.Deadline = &metav1.Duration{Duration: at.Sub(wl.CreationTimestamp.Time)}
	})
	end := s.over("list", v1alpha1.PhaseFailed)
	if end.Status.CompletionTime.Time.Before(at.Truncate(time.Second)) {
		t.Errorf("its deadline is %s, and it ends at %s", at, end.Status.CompletionTime)
	}
	s.gone(x)
}

func TestToleratedFailures(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("list", v1alpha1.WorklistSpec{Size: 12, ToleratedFailures: new(intstr.FromInt32(1)), Block: v1alpha1.BlockPolicy{Size: 4, MaxAttempts: 1}})
	for i := range int64(2) {
		x := s.take("list", "w")
		x.done(failing(x.r, x.r.Start)...)
		s.until("it is given up", func() bool { return s.lists["list"].Status.Failed == i+1 })
		if over := s.status("list").Phase().Over(); over != (i == 1) {
			t.Errorf("after %d failures the list is over: %t", i+1, over)
		}
	}
	s.over("list", v1alpha1.PhaseFailed)
}

func TestAfter(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("second", v1alpha1.WorklistSpec{Size: 4, After: []string{"first"}, Block: v1alpha1.BlockPolicy{Size: 4}})
	s.until("the list waits", func() bool {
		return s.lists["second"] != nil && s.lists["second"].Status.Phase() == v1alpha1.PhaseWaiting
	})
	x, err := s.worker("second", "w").ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.phase(x.name, "After")
	s.create("first", v1alpha1.WorklistSpec{Size: 1})
	s.take("first", "w").done()
	x.must(x.next(t.Context()), "the second begins when the first is complete")
	x.done()
	s.complete("second", 0)
}

// A worker that holds as many Blocks as one may waits for one of its own to end, and nobody else does.
func TestBlocksPerWorker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("list", v1alpha1.WorklistSpec{Size: 40, Block: v1alpha1.BlockPolicy{Size: 4}, Limits: v1alpha1.Limits{BlocksPerWorker: 2}})
	x, y := s.take("list", "a"), s.take("list", "a")
	third, err := s.worker("list", "a").ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.phase(third.name, "WorkerLimit")
	z := s.take("list", "b")
	x.done()
	third.must(third.next(t.Context()), "a worker that has turned one in is given another")
	for _, h := range []*hand{y, z, third} {
		h.done()
	}
	s.finishAll("list")
	s.complete("list", 0)
}

// A limit on items per second is kept by when the next block may go out.
func TestItemsPerSecond(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("list", v1alpha1.WorklistSpec{Size: 4000, Block: v1alpha1.BlockPolicy{Size: 1000},
		Limits: v1alpha1.Limits{ItemsPerSecond: v1alpha1.Rate(1)}})
	from := time.Now()
	x := s.take("list", "a")
	given := time.Now()
	waits, err := s.worker("list", "b").ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.phase(waits.name, "RateLimit")
	s.until("the list knows that they were", func() bool { return s.lists["list"].Status.Next == 1000 })
	next := s.status("list").NextBlockTime
	// A second's worth is there in the beginning.
	if next == nil || next.Before(&metav1.MicroTime{Time: from.Add(998 * time.Second)}) || next.After(given.Add(1001*time.Second)) {
		t.Errorf("a thousand items were given out after %s, and the next go out at %v", from, next)
	}
	// It stays so whatever else is decided.
	x.renew(t.Context(), 10)
	x.done()
	s.until("it counts", func() bool { return s.lists["list"].Status.Done == 1000 })
	if now := s.status("list").NextBlockTime; now == nil || now.Sub(next.Time).Abs() > time.Second {
		t.Errorf("the next go out at %v, which was %v", now, next)
	}
}

func TestDeletedBlockGivesItsItemsBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("list", v1alpha1.WorklistSpec{Size: 10, Block: v1alpha1.BlockPolicy{Size: 10}})
	x := s.take("list", "a")
	x.renew(t.Context(), 4)
	s.delete(x.name, x.uid)
	y := s.take("list", "b")
	if y.r != (worklist.Range{Start: 4, End: 10}) {
		t.Errorf("%v goes out again, of which the first 4 items were done", y.r)
	}
	y.done()
	s.complete("list", 0)
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("list", v1alpha1.WorklistSpec{Items: &items.Spec{Lines: &items.LinesSpec{ConfigMap: &items.ConfigMapKey{Name: "lines"}}}, Block: v1alpha1.BlockPolicy{Size: 3}})
	s.until("the list is invalid", func() bool { return s.lists["list"] != nil && s.lists["list"].Status.Phase() == v1alpha1.PhaseInvalid })
	t.Log(s.status("list").Reason())
	x, err := s.worker("list", "a").ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.make(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "lines", Namespace: s.ns}, Data: map[string]string{"lines": "a\nb\nc\n"}})
	x.must(x.next(t.Context()), "the list begins once its lines are there")
	x.done()
	s.complete("list", 0)

	s.create("other", v1alpha1.WorklistSpec{Size: 5, Items: &items.Spec{Range: &items.RangeSpec{Start: 1, End: 3}}})
	s.until("a wrong size is said to be one", func() bool {
		return s.lists["other"] != nil && s.lists["other"].Status.Phase() == v1alpha1.PhaseInvalid
	})
	t.Log(s.status("other").Reason())
}
