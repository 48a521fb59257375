package gateway_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
)

// quickly has leases run out soon.
func quickly(spec *v1alpha1.WorklistSpec) {
	spec.Block.Timeout = &metav1.Duration{Duration: 10 * time.Second}
}

// What is acknowledged is in a Block's status.
func TestProgressIsInBlocks(t *testing.T) {
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	s.create("primes", 100_000, nil)
	c := d.client(s.account("worker", "work"))
	resp, err := c.Claim(t.Context(), "primes", &v1alpha1.ClaimRequest{Worker: "w", Blocks: 1, Wait: &metav1.Duration{Duration: time.Minute}})
	s.must(err)
	if len(resp.Leases) != 1 || resp.Leases[0].Size != 1000 {
		t.Fatalf("%+v", resp)
	}
	first := resp.Leases[0]
	rc, err := c.Complete(t.Context(), "primes", "w", v1alpha1.Report{Token: first.Token, Done: []v1alpha1.Range{{Index: first.Index, Size: 700}},
		Failed: []v1alpha1.FailedItems{{Range: v1alpha1.Range{Index: first.Index + 700, Size: 300}, Reason: "no", Final: true}},
		Found:  []v1alpha1.Found{{Index: first.Index, Value: "2"}}})
	s.must(err)
	if rc.Items != 700 {
		t.Errorf("%+v", rc)
	}
	var done, failed, found int64
	for _, b := range s.blocks() {
		done += b.Status.Done
		for _, f := range b.Status.FailedRanges {
			failed += f.Size
		}
		found += int64(len(b.Status.Found))
		if b.Spec.User != gatewayUser || *b.Status.Size <= 1000 {
			t.Errorf("a Block of %d items of %s", *b.Status.Size, b.Spec.User)
		}
	}
	if wl := s.list("primes").Status; done+wl.Done != 700 || failed+wl.Failed != 300 || found+int64(len(wl.Found)) != 1 {
		t.Errorf("%d items are done, %d failed, %d found by the Blocks; %+v", done, failed, found, wl)
	}
}

// A whole list is done through a gateway by workers who may work, and may look at nothing. However many blocks there are, the
// API server is written to some 20 times a second.
func TestWholeList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	const size = 10_000_000
	s.create("primes", size, nil)
	token := s.account("worker", "work")
	begun := time.Now()
	var times [size / 1000]atomic.Int32
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			err := d.client(token).Work(s.patiently(), "primes", func(_ context.Context, b *client.Block) error {
				times[b.Index/1000].Add(1)
				return nil
			}, client.WorkOptions{Worker: fmt.Sprintf("worker-%d", i), Parallel: 8, Log: slog.New(slog.NewTextHandler(s.Output(), nil))})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	took := time.Since(begun)
	s.until("the list is complete", func() bool { return s.list("primes").Status.Phase().Over() })
	if st := s.list("primes").Status; st.Phase() != v1alpha1.PhaseComplete || st.Done != size {
		t.Errorf("%s: %s", st.Phase(), st.Reason())
	}
	twice := 0
	for i := range times {
		switch n := times[i].Load(); {
		case n == 0:
			t.Errorf("block %d was done by nobody", i)
		case n > 1:
			twice++
		}
	}
	writes := d.metric("teamtask_gateway_writes_total ")
	if most := 20*time.Since(begun).Seconds() + 20; writes > most {
		t.Errorf("%v writes, want %v at most", writes, most)
	}
	t.Logf("%.1f million items/s, %v writes in %v; %d blocks were out twice", size/took.Seconds()/1e6, writes, took, twice)
}

// Two gateways share a list, neither knowing of the other.
func TestTwoGateways(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a, b := s.open(gatewayUser, nil), s.open(gatewayUser, nil)
	s.create("primes", 5_000_000, nil)
	token := s.account("worker", "work")
	crew := &crew{T: t, list: "primes", batch: 4}
	crew.start(32, a.client(token), b.client(token))()
	s.until("the list is over", func() bool { return s.list("primes").Status.Phase().Over() })
	crew.audit(s.list("primes"))
	for _, d := range []*door{a, b} {
		if d.metric("teamtask_gateway_writes_total ") == 0 {
			t.Error("a gateway had nothing to do")
		}
	}
}

// Workers see that a list is suspended, that it goes on, and that it is cancelled.
func TestSuspendResumeCancel(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	s.create("primes", 1_000_000, nil)
	c := d.client(s.account("worker", "work"))
	claim := func() *v1alpha1.ClaimResponse {
		t.Helper()
		resp, err := c.Claim(t.Context(), "primes", &v1alpha1.ClaimRequest{Worker: "w", Blocks: 1, Wait: &metav1.Duration{Duration: time.Second}})
		s.must(err)
		return resp
	}
	s.until("there is work", func() bool { return len(claim().Leases) == 1 })
	s.patch("primes", `{"suspend":true}`)
	s.until("it is suspended", func() bool { return claim().None == v1alpha1.NoneSuspended })
	s.patch("primes", `{"suspend":false}`)
	s.until("it goes on", func() bool { return len(claim().Leases) == 1 })

	begun := make(chan struct{}, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- c.Work(s.patiently(), "primes", func(ctx context.Context, b *client.Block) error {
			begun <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}, client.WorkOptions{Worker: "x", Parallel: 2, ReportEvery: time.Second})
	}()
	select {
	case <-begun:
	case err := <-ended:
		t.Fatalf("a worker ends before it has begun: %v", err)
	}
	s.patch("primes", `{"cancelled":true}`)
	if err := <-ended; err != nil {
		t.Errorf("a worker of a cancelled list: %v", err)
	}
	if resp := claim(); resp.None != v1alpha1.NoneOver {
		t.Errorf("%+v", resp)
	}
}

// A list that was over and is reopened has work for those who come then, although the gateway knew it as over.
func TestReopened(t *testing.T) {
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	s.create("primes", 3000, nil)
	c := d.client(s.account("worker", "work"))
	fails := true
	work := func() (items int64) {
		t.Helper()
		var mu sync.Mutex
		s.must(c.Work(s.patiently(), "primes", func(_ context.Context, b *client.Block) error {
			mu.Lock()
			defer mu.Unlock()
			items += b.Size
			if fails {
				b.Report(v1alpha1.Report{Failed: []v1alpha1.FailedItems{{Range: v1alpha1.Range{Index: b.Index, Size: b.Size}, Reason: "no", Final: true}}})
			}
			return nil
		}, client.WorkOptions{Worker: "w"}))
		return items
	}
	work()
	s.until("it is over", func() bool { return s.list("primes").Status.Phase().Over() })
	fails = false
	s.patch("primes", `{"retryFailed":1}`)
	s.until("it goes on", func() bool { return !s.list("primes").Status.Phase().Over() })
	if n := work(); n != 3000 {
		t.Errorf("%d items were done, want 3000", n)
	}
	s.until("it is over again", func() bool { return s.list("primes").Status.Phase() == v1alpha1.PhaseComplete })
}

// A list that was deleted is not there. One that is made anew under its name is another one: what was out of the old one counts
// for nothing.
func TestMadeAnew(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	s.create("primes", 100_000, nil)
	token := s.account("worker", "work, get")
	c := d.client(token)
	claim := func() (*v1alpha1.ClaimResponse, error) {
		return c.Claim(t.Context(), "primes", &v1alpha1.ClaimRequest{Worker: "w", Blocks: 1, Wait: &metav1.Duration{Duration: time.Second}})
	}
	var old *v1alpha1.ClaimResponse
	s.until("there is work", func() bool {
		var err error
		old, err = claim()
		s.must(err)
		return len(old.Leases) == 1
	})
	events, err := d.stream("/v1/worklists/primes/events", token)
	s.must(err)
	defer events.Close()
	remove := func() {
		t.Helper()
		_, err := running.Kubectl(t.Context(), "delete", "worklist", "primes", "--namespace", s.namespace)
		s.must(err)
	}
	remove()
	s.until("it is gone", func() bool {
		_, err := claim()
		return client.IsNotFound(err)
	})
	if text, err := io.ReadAll(events); err != nil || !strings.Contains(string(text), "event: gone") {
		t.Errorf("who watches: %s, %v", text, err)
	}

	s.create("primes", 5000, nil)
	s.until("there is work again", func() bool {
		resp, err := claim()
		return err == nil && len(resp.Leases) == 1
	})
	if _, err := c.Complete(t.Context(), "primes", "w", v1alpha1.Report{Token: old.Leases[0].Token}); err == nil {
		t.Error("what was out of the old list counts for the new one")
	}

	// At once, so that the gateway does not see that it was gone.
	remove()
	s.create("primes", 2000, nil)
	s.until("the new one is done", func() bool {
		err := c.Work(s.patiently(), "primes", func(context.Context, *client.Block) error { return nil }, client.WorkOptions{Worker: "x"})
		return err == nil && s.list("primes").Status.Phase() == v1alpha1.PhaseComplete
	})
	if st := s.list("primes").Status; st.Done != 2000 {
		t.Errorf("%d items are done", st.Done)
	}
}

// Who watches a list through a gateway sees how it stands until it is over.
func TestEvents(t *testing.T) {
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	s.create("primes", 3000, nil)
	c := d.client(s.account("worker", "work, get"))
	phases, last := map[v1alpha1.Phase]bool{}, v1alpha1.WorklistStatus{}
	for st, err := range c.Watch(s.patiently(), "primes") {
		s.must(err)
		if len(phases) == 0 || st.Phase() == v1alpha1.PhaseActive && !phases[v1alpha1.PhaseActive] {
			if st.Phase() == v1alpha1.PhaseActive {
				go c.Work(s.patiently(), "primes", func(context.Context, *client.Block) error { return nil }, client.WorkOptions{Worker: "w"})
			}
		}
		phases[st.Phase()], last = true, st
	}
	if last.Phase() != v1alpha1.PhaseComplete || last.Done != 3000 || !phases[v1alpha1.PhaseActive] {
		t.Errorf("%v, at last %s with %d items done", phases, last.Phase(), last.Done)
	}
}
