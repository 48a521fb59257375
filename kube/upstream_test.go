package kube_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/time/rate"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/kube"
)

// A claim creates a Block and waits until it has a range. What is done goes into its status, and the Block's next range
// comes with no further Block.
func TestBlock(t *testing.T) {
	s := open(t, 1000, kube.Options{})
	lease := s.lease(0, 100)
	b := s.blocks()[0]
	if b.Spec != (v1alpha1.BlockSpec{Worklist: "primes", Worker: "w", User: "worker", Refill: true}) || !slices.Contains(b.Finalizers, v1alpha1.BlockFinalizer) ||
		len(b.OwnerReferences) != 1 || b.OwnerReferences[0].Kind != v1alpha1.WorklistKind {
		t.Errorf("the Block is %+v", b)
	}
	if rc := s.report(done(lease.Token, 0, 60)); rc.Status != v1alpha1.ReportAccepted || rc.Items != 60 {
		t.Errorf("%+v", rc)
	}
	if rc := s.report(done(lease.Token, 0, 60)); rc.Status != v1alpha1.ReportDuplicate {
		t.Errorf("the same again: %+v", rc)
	}
	if b := s.blocks()[0]; b.Status.Done != 60 || b.Status.Finished() != "" || b.Status.RenewTime == nil {
		t.Errorf("%+v", b.Status)
	}
	s.report(v1alpha1.Report{Token: lease.Token, Done: []v1alpha1.Range{{Index: 61, Size: 39}},
		Failed: []v1alpha1.FailedItems{{Range: v1alpha1.Range{Index: 60, Size: 1}, Reason: "exit status 1", Final: true}}})
	b = s.blocks()[0]
	if b.Status.Finished() != v1alpha1.BlockDone || b.Status.Done != 99 || len(b.Status.DoneRanges) != 2 || len(b.Status.FailedRanges) != 1 ||
		b.Status.FailedRanges[0].Reason != "exit status 1" || b.Status.Elapsed == nil {
		t.Errorf("%+v", b.Status)
	}
	s.give(&b, 100, 50)
	again := s.claim(long)
	if len(again.Leases) != 1 || again.Leases[0].Index != 100 || again.Leases[0].Token == lease.Token {
		t.Errorf("%+v", again)
	}
	if rc := s.report(done(lease.Token, 0, 1)); rc.Status != v1alpha1.ReportFenced {
		t.Errorf("of a turn that is over: %+v", rc)
	}
	if w := s.wire.wrote(); !slices.Equal(w, []string{"POST blocks", "PUT status", "PUT status"}) {
		t.Errorf("writes: %v", w)
	}
}

// A claim whose wait is over leaves its Block; the next one goes on with it.
func TestPatience(t *testing.T) {
	t.Parallel()
	s := open(t, 1000, kube.Options{})
	if resp := s.claim(time.Millisecond); len(resp.Leases) != 0 || resp.None != v1alpha1.NoneAllOut {
		t.Errorf("%+v", resp)
	}
	b := s.block(pending)
	st := b.Status
	st.SetPhase("RateLimit", "the list is limited to 3 items per second", metav1.Now())
	s.set(b, st)
	for resp := s.claim(10 * time.Millisecond); resp.None != v1alpha1.NoneRateLimit; resp = s.claim(10 * time.Millisecond) {
		if resp.None != v1alpha1.NoneAllOut {
			t.Fatalf("%+v", resp)
		}
	}
	s.give(s.block(pending), 5, 5)
	if resp := s.claim(long); len(resp.Leases) != 1 || resp.Leases[0].Index != 5 || resp.Unclaimed != 1000 || resp.LeaseSeconds != 60 {
		t.Errorf("%+v", resp)
	}
}

// Creating a Block is repeated where the answer was lost, and yet there is one.
func TestCreateLost(t *testing.T) {
	t.Parallel()
	s := open(t, 1000, kube.Options{})
	s.wire.loseAnswer("POST blocks", func() {})
	if _, err := s.up.Claim(t.Context(), "primes", &v1alpha1.ClaimRequest{Worker: "w"}); err == nil {
		t.Fatal("the answer was not lost")
	}
	s.lease(0, 10)
	if n := len(s.blocks()); n != 1 {
		t.Errorf("%d Blocks", n)
	}
}

// A write whose answer is lost has landed all the same. It counts once, whatever the controller has done with the Block
// meanwhile; and it does not count where it was not merged.
func TestAnswerLost(t *testing.T) {
	merge := func(s *stage) {
		s.list(func(st *v1alpha1.WorklistStatus) { st.DoneRanges = []v1alpha1.Range{{Index: 0, Size: 100}} })
	}
	for name, c := range map[string]struct {
		meanwhile func(*stage)
		want      v1alpha1.ReportStatus
	}{
		"nothing":  {func(*stage) {}, v1alpha1.ReportAccepted},
		"refilled": {func(s *stage) { merge(s); s.give(s.block(finished(v1alpha1.BlockDone)), 500, 10) }, v1alpha1.ReportAccepted},
		"waits": {func(s *stage) {
			merge(s)
			b := s.block(finished(v1alpha1.BlockDone))
			st := v1alpha1.BlockStatus{Turn: b.Status.Turn}
			st.SetPhase("AllOut", "everything is out", metav1.Now())
			s.set(b, st)
		}, v1alpha1.ReportAccepted},
		"deleted":        {func(s *stage) { merge(s); s.remove() }, v1alpha1.ReportAccepted},
		"not merged":     {func(s *stage) { s.give(s.block(finished(v1alpha1.BlockDone)), 500, 10) }, v1alpha1.ReportFenced},
		"gone, unmerged": {func(s *stage) { s.remove() }, v1alpha1.ReportFenced},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, 1000, kube.Options{})
			lease := s.lease(0, 100)
			s.wire.loseAnswer("PUT status", func() { c.meanwhile(s) })
			if rc := s.report(done(lease.Token, 0, 100)); rc.Status != c.want {
				t.Errorf("%+v", rc)
			}
		})
	}
}

// remove deletes all Blocks, as the controller does.
func (s *stage) remove() {
	s.Helper()
	for _, b := range s.blocks() {
		before := b.DeepCopy()
		b.Finalizers = nil
		s.must(s.Patch(s.Context(), &b, ctrl.MergeFrom(before)))
		s.must(ctrl.IgnoreNotFound(s.Delete(s.Context(), &b)))
	}
}

// Where the controller was first, what a worker says is refused, in words.
func TestFenced(t *testing.T) {
	for name, c := range map[string]struct {
		before  func(*stage, *v1alpha1.Block)
		want    v1alpha1.ReportStatus
		message string
	}{
		"expired": {func(s *stage, b *v1alpha1.Block) {
			st := b.Status
			st.SetPhase(v1alpha1.BlockExpired, "the worker was silent", metav1.Now())
			s.set(b, st)
		}, v1alpha1.ReportFenced, "ran out"},
		"next turn": {func(s *stage, b *v1alpha1.Block) { s.give(b, 0, 10) }, v1alpha1.ReportFenced, "gone on without it"},
		"deleted":   {func(s *stage, b *v1alpha1.Block) { s.must(s.Delete(s.Context(), b)) }, v1alpha1.ReportFenced, "was deleted"},
		"gone":      {func(s *stage, b *v1alpha1.Block) { s.remove() }, v1alpha1.ReportFenced, "gone"},
		"over": {func(s *stage, b *v1alpha1.Block) {
			s.list(func(st *v1alpha1.WorklistStatus) { st.SetPhase(v1alpha1.PhaseCancelled, "by its spec", metav1.Now()) })
			s.remove()
		}, v1alpha1.ReportOver, "by its spec"},
		"list deleted": {func(s *stage, b *v1alpha1.Block) {
			s.must(s.Delete(s.Context(), &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "primes"}}))
			s.remove()
		}, v1alpha1.ReportFenced, "there is no worklist primes in the namespace"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, 1000, kube.Options{})
			lease := s.lease(0, 10)
			// What is done already counts; after that the watch is not to be faster.
			s.report(done(lease.Token, 0, 1))
			s.wire.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
				if r.URL.Query().Get("watch") != "" {
					return nil, errCut
				}
				return send()
			})
			c.before(s, &s.blocks()[0])
			rc := s.report(done(lease.Token, 1, 9))
			if rc.Status != c.want || !strings.Contains(rc.Message, c.message) {
				t.Errorf("%+v", rc)
			}
			if r := s.renew(lease.Token); r.Status != c.want {
				t.Errorf("renewed: %+v", r)
			}
		})
	}
}

// A renewal is a write, unless there was one just now.
func TestRenew(t *testing.T) {
	s := open(t, 1000, kube.Options{Lazy: true})
	lease := s.lease(0, 10)
	s.wire.wrote()
	if r := s.renew(lease.Token); r.Status != v1alpha1.ReportAccepted || r.Token != lease.Token || r.Index != 0 || r.Size != 10 {
		t.Errorf("%+v", r)
	}
	if w := s.wire.wrote(); len(w) != 0 {
		t.Errorf("writes: %v", w)
	}
	// A lazy tier's progress waits for the block's end. A value that was found does not: it may end the list.
	if rc := s.report(done(lease.Token, 0, 4)); rc.Status != v1alpha1.ReportAccepted {
		t.Errorf("%+v", rc)
	}
	if w := s.wire.wrote(); len(w) != 0 {
		t.Errorf("writes: %v", w)
	}
	s.report(v1alpha1.Report{Token: lease.Token, Done: []v1alpha1.Range{{Index: 4, Size: 1}}, Found: []v1alpha1.Found{{Index: 4, Value: "five", Worker: "w"}}})
	if b := s.blocks()[0]; b.Status.Done != 5 || len(b.Status.Found) != 1 || b.Status.Found[0] != (v1alpha1.Found{Index: 4, Value: "five"}) {
		t.Errorf("%+v", b.Status)
	}
	s.report(v1alpha1.Report{Token: lease.Token})
	if b := s.blocks()[0]; b.Status.Done != 10 || b.Status.Finished() != v1alpha1.BlockDone {
		t.Errorf("%+v", b.Status)
	}
	if w := s.wire.wrote(); !slices.Equal(w, []string{"PUT status", "PUT status"}) {
		t.Errorf("writes: %v", w)
	}
}

// No Block is created for a list that hands out nothing; a claim waits for it to go on.
func TestHeldBack(t *testing.T) {
	for phase, none := range map[v1alpha1.Phase]v1alpha1.NoneReason{v1alpha1.PhaseSuspended: v1alpha1.NoneSuspended, v1alpha1.PhaseWaiting: v1alpha1.NoneAfter,
		v1alpha1.PhaseInvalid: v1alpha1.NoneSuspended, v1alpha1.PhaseComplete: v1alpha1.NoneOver, v1alpha1.PhaseFailed: v1alpha1.NoneOver} {
		t.Run(string(phase), func(t *testing.T) {
			t.Parallel()
			s := open(t, 1000, kube.Options{})
			s.list(func(st *v1alpha1.WorklistStatus) { st.SetPhase(phase, "because", metav1.Now()) })
			if resp := s.claim(time.Millisecond); resp.None != none || !strings.Contains(resp.Message, "because") || len(s.blocks()) > 0 {
				t.Fatalf("%+v", resp)
			}
			if phase.Over() {
				if resp := s.claim(long); resp.None != none {
					t.Errorf("%+v", resp)
				}
				return
			}
			var on sync.WaitGroup
			defer on.Wait()
			on.Go(func() {
				s.list(func(st *v1alpha1.WorklistStatus) { st.SetPhase(v1alpha1.PhaseActive, "it goes on", metav1.Now()) })
			})
			s.lease(0, 10)
		})
	}
}

// A Block that is turned away is not followed by another at once.
func TestTurnedAway(t *testing.T) {
	t.Parallel()
	s := open(t, 1000, kube.Options{})
	answer := make(chan *v1alpha1.ClaimResponse)
	go func() { answer <- s.claim(long) }()
	first := s.block(pending)
	began := time.Now()
	s.remove()
	second := s.block(func(b *v1alpha1.Block) bool { return b.UID != first.UID })
	if d := time.Since(began); d < 400*time.Millisecond {
		t.Errorf("the next Block came after %v", d)
	}
	s.give(second, 0, 10)
	if resp := <-answer; len(resp.Leases) != 1 {
		t.Errorf("%+v", resp)
	}
}

// An upstream asks for no more Blocks than it may hold.
func TestMost(t *testing.T) {
	s := open(t, 1000, kube.Options{Most: 1})
	lease := s.lease(0, 10)
	if resp := s.claim(time.Millisecond); resp.None != v1alpha1.NoneWorkerLimit || len(s.blocks()) != 1 {
		t.Errorf("%+v", resp)
	}
	s.report(v1alpha1.Report{Token: lease.Token})
	s.give(s.block(finished(v1alpha1.BlockDone)), 10, 10)
	if resp := s.claim(long); len(resp.Leases) != 1 {
		t.Errorf("%+v", resp)
	}
}

// The size of a Block is the list's to say, unless the tier is a large one.
func TestBulk(t *testing.T) {
	s := open(t, 1000, kube.Options{Bulk: true})
	s.claim(time.Millisecond)
	if b := s.block(pending); b.Spec.Size != 1<<20 {
		t.Errorf("%+v", b.Spec)
	}
}

// Who leaves gives back what it has, with what is done of it, and takes back what it asked for.
func TestClose(t *testing.T) {
	s := open(t, 1000, kube.Options{Lazy: true})
	lease := s.lease(0, 10)
	s.report(done(lease.Token, 0, 4))
	s.claim(time.Millisecond) // another one, that gets nothing
	s.must(s.up.Close(t.Context()))
	if len(s.blocks()) != 2 {
		t.Fatalf("%d Blocks", len(s.blocks()))
	}
	for _, b := range s.blocks() {
		switch {
		case b.Status.Index == nil:
			if b.DeletionTimestamp == nil {
				t.Errorf("the Block that waits is not deleted")
			}
		case b.Status.Finished() != v1alpha1.BlockReleased || b.Status.Done != 4:
			t.Errorf("%+v", b.Status)
		}
	}
}

// While the API server is away nothing is lost: a report goes on being written until it is back.
func TestAway(t *testing.T) {
	t.Parallel()
	s := open(t, 1000, kube.Options{})
	lease := s.lease(0, 10)
	var tries atomic.Int32
	s.wire.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if tries.Add(1) > 5 {
			return send()
		}
		return nil, errCut
	})
	if rc := s.report(v1alpha1.Report{Token: lease.Token}); rc.Status != v1alpha1.ReportAccepted || rc.Items != 10 {
		t.Errorf("%+v", rc)
	}
	s.block(finished(v1alpha1.BlockDone))
	if len(s.fatal) > 0 {
		t.Errorf("given up: %v", <-s.fatal)
	}
}

// A list that is made anew under its name is another one: what was held of the old is nobody's, and workers that have read the old
// items are told that it is gone.
func TestMadeAnew(t *testing.T) {
	for _, bound := range []bool{false, true} {
		t.Run(fmt.Sprint("bound ", bound), func(t *testing.T) {
			t.Parallel()
			s := open(t, 1000, kube.Options{Bound: bound})
			old := s.lease(0, 10)
			wl := &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "primes"}}
			s.must(s.Delete(t.Context(), wl))
			s.remove()
			wl = &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "primes"}, Spec: v1alpha1.WorklistSpec{Size: 7}}
			s.must(s.Create(t.Context(), wl))
			s.list(func(st *v1alpha1.WorklistStatus) {
				st.Size = 7
				st.SetPhase(v1alpha1.PhaseActive, "it goes on", metav1.Now())
			})
			if rc := s.report(done(old.Token, 0, 10)); rc.Status != v1alpha1.ReportFenced || !strings.Contains(rc.Message, "made anew") {
				t.Errorf("%+v", rc)
			}
			got, err := s.up.Get(t.Context(), "primes")
			if bound {
				if !client.IsNotFound(err) || !strings.Contains(err.Error(), "made anew") {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || got.UID != wl.UID {
				t.Fatalf("%+v, %v", got, err)
			}
			s.lease(0, 7)
		})
	}
}

// Whoever cannot work is told what is missing.
func TestErrors(t *testing.T) {
	t.Parallel()
	t.Run("no list", func(t *testing.T) {
		s := open(t, 10, kube.Options{})
		s.must(s.Delete(t.Context(), &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "primes"}}))
		_, err := s.up.Get(t.Context(), "primes")
		if !client.IsNotFound(err) || err.Error() != "there is no worklist primes in the namespace "+s.namespace {
			t.Errorf("%v", err)
		}
	})
	t.Run("no definitions", func(t *testing.T) {
		if beforehand == nil || client.IsNotFound(beforehand) || !strings.Contains(beforehand.Error(), "CustomResourceDefinitions are not installed") {
			t.Errorf("%v", beforehand)
		}
	})
	t.Run("no right", func(t *testing.T) {
		t.Parallel()
		s := open(t, 10, kube.Options{})
		kubeconfig, err := apiServer.KubeconfigFor("reader-" + s.namespace)
		s.must(err)
		config, err := configOf(kubeconfig)
		s.must(err)
		c, err := kube.NewClient(config)
		s.must(err)
		var fatal error
		up := kube.New(kube.Options{Client: c, Namespace: s.namespace, List: "primes", Worker: "w", Fatal: func(err error) { fatal = err },
			Pace: rate.NewLimiter(5, 1)})
		defer up.Close(context.WithoutCancel(t.Context()))
		_, err = up.Get(t.Context(), "primes")
		if err == nil || !strings.Contains(err.Error(), "you may not get worklists in the namespace "+s.namespace) || fatal == nil {
			t.Errorf("%v, %v", err, fatal)
		}
		_, err = apiServer.Kubectl(t.Context(), "create", "role", "look", "-n", s.namespace, "--verb=get", "--resource=worklists.teamtask.dev")
		s.must(err)
		_, err = apiServer.Kubectl(t.Context(), "create", "rolebinding", "look", "-n", s.namespace, "--role=look", "--user=reader-"+s.namespace)
		s.must(err)
		for _, err = up.Get(t.Context(), "primes"); err != nil; _, err = up.Get(t.Context(), "primes") { // until the API server knows
			if t.Context().Err() != nil {
				t.Fatal(err)
			}
		}
		for fatal = nil; fatal == nil; { // in the end: an API server that has just started may not know all rights yet
			if _, err := up.Claim(t.Context(), "primes", &v1alpha1.ClaimRequest{Worker: "w"}); err == nil {
				t.Fatal("it may create Blocks")
			}
		}
		if !strings.Contains(fatal.Error(), "you may not create blocks") {
			t.Error(fatal)
		}
	})
}
