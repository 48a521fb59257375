package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// slowJournal is a journal in memory, which takes its time for each write and can fail. It takes the place of the store
// where the test's clock is a fake one, which a store would not go by.
type slowJournal struct {
	takes time.Duration

	mu     sync.Mutex
	record worklist.Record
	writes int
	fail   error
}

func (j *slowJournal) foldDue() bool                 { return false }
func (j *slowJournal) size() int                     { return 0 }
func (j *slowJournal) release(context.Context) error { return nil }

func (j *slowJournal) write(_ context.Context, c *commit) error {
	time.Sleep(j.takes)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail != nil {
		return j.fail
	}
	j.writes++
	if c.record != nil {
		j.record = worklist.Record{}
		return json.Unmarshal(c.record, &j.record)
	}
	j.record.Apply(&c.delta)
	return nil
}

func (j *slowJournal) done() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.record.Done.Sum()
}

// kept runs a test with a keeper of a list, in a bubble with a clock of its own.
func kept(t *testing.T, spec v1alpha1.WorklistSpec, f func(*testing.T, *keeper, *slowJournal)) {
	synctest.Test(t, func(t *testing.T) {
		wl := &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Name: "list", UID: "uid"}, Spec: spec}
		p := wl.Policy()
		j := &slowJournal{takes: 5 * time.Millisecond, record: worklist.Record{Size: spec.Size}}
		k := newKeeper(wl, worklist.New(spec.Size, p), p, j, []byte("secret"), newCounters(), slog.New(slog.DiscardHandler))
		k.start(t.Context())
		f(t, k, j)
		if err := k.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func claimed(t *testing.T, k *keeper, req v1alpha1.ClaimRequest) v1alpha1.Lease {
	t.Helper()
	resp, err := k.claim(t.Context(), &req)
	if err != nil || len(resp.Leases) != 1 {
		t.Fatalf("%+v, %v", resp, err)
	}
	return resp.Leases[0]
}

func complete(ctx context.Context, k *keeper, worker, token string) error {
	resp, err := k.exchange(ctx, &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: worker}, Complete: []string{token}})
	if err == nil && resp.Accepted != 1 {
		err = fmt.Errorf("not accepted: %+v", resp.Receipts)
	}
	return err
}

// Who completes alone waits for one write and no longer; a hundred at once share few.
func TestGroupCommit(t *testing.T) {
	kept(t, v1alpha1.WorklistSpec{Size: 1000, Block: v1alpha1.BlockPolicy{Size: 1}}, func(t *testing.T, k *keeper, j *slowJournal) {
		first := claimed(t, k, v1alpha1.ClaimRequest{Worker: "w"})
		synctest.Wait()
		begun := time.Now()
		if err := complete(t.Context(), k, "w", first.Token); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took != j.takes || j.done() != 1 {
			t.Errorf("a lone completion took %v, and %d items are durable", took, j.done())
		}
		resp, err := k.claim(t.Context(), &v1alpha1.ClaimRequest{Worker: "w", Blocks: 100})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		before := j.writes
		var all sync.WaitGroup
		for _, l := range resp.Leases {
			all.Go(func() {
				if err := complete(t.Context(), k, "w", l.Token); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := j.writes - before; n > 3 || j.done() != 101 {
			t.Errorf("100 completions took %d writes, and %d items are durable", n, j.done())
		}
	})
}

// An answer is given after the write that holds it, never before.
func TestNothingIsAnsweredBeforeItIsDurable(t *testing.T) {
	kept(t, v1alpha1.WorklistSpec{Size: 10, Block: v1alpha1.BlockPolicy{Size: 1}}, func(t *testing.T, k *keeper, j *slowJournal) {
		l := claimed(t, k, v1alpha1.ClaimRequest{Worker: "w"})
		synctest.Wait()
		j.takes = time.Hour
		answered := make(chan error, 1)
		go func() { answered <- complete(t.Context(), k, "w", l.Token) }()
		time.Sleep(59 * time.Minute)
		synctest.Wait()
		select {
		case err := <-answered:
			t.Fatalf("answered while the write was under way: %v", err)
		default:
		}
		if err := <-answered; err != nil || j.done() != 1 {
			t.Errorf("%v, %d items are durable", err, j.done())
		}
	})
}

// A claim that waits is served at the very moment when a lease runs out and its rest is over, first come first served.
func TestWaitingClaims(t *testing.T) {
	spec := v1alpha1.WorklistSpec{Size: 2, Block: v1alpha1.BlockPolicy{Size: 1, Timeout: &metav1.Duration{Duration: 20 * time.Second},
		Backoff: v1alpha1.BackoffPolicy{Initial: &metav1.Duration{Duration: 3 * time.Second}}}}
	kept(t, spec, func(t *testing.T, k *keeper, j *slowJournal) {
		claimed(t, k, v1alpha1.ClaimRequest{Worker: "lost"})
		begun := time.Now()
		held := claimed(t, k, v1alpha1.ClaimRequest{Worker: "slow"})
		served := make(chan string, 2)
		for _, name := range []string{"first", "second"} {
			go func() {
				resp, err := k.claim(t.Context(), &v1alpha1.ClaimRequest{Worker: name, Wait: &metav1.Duration{Duration: time.Minute}})
				if err != nil || len(resp.Leases) != 1 {
					name = fmt.Sprintf("%s: %+v, %v", name, resp, err)
				}
				served <- name
			}()
			synctest.Wait()
		}
		time.Sleep(10 * time.Second)
		if resp, err := k.exchange(t.Context(), &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: "slow"}, Renew: []string{held.Token}}); err != nil || resp.Renewed[0].Status != v1alpha1.ReportAccepted {
			t.Fatal(resp, err)
		}
		if who := <-served; who != "first" {
			t.Errorf("%s was served first", who)
		}
		if after := time.Since(begun).Round(100 * time.Millisecond); after != 23*time.Second {
			t.Errorf("served after %v: a lease of 20s and a rest of 3s", after)
		}
		if who := <-served; who != "second" {
			t.Errorf("%s was served then", who)
		}
		if after := time.Since(begun).Round(100 * time.Millisecond); after != 33*time.Second {
			t.Errorf("served after %v: renewed after 10s, a lease of 20s and a rest of 3s", after)
		}
	})
}

// A claim that waits in vain is told so in time, and holds nothing.
func TestAClaimWaitsInVain(t *testing.T) {
	kept(t, v1alpha1.WorklistSpec{Size: 1}, func(t *testing.T, k *keeper, j *slowJournal) {
		claimed(t, k, v1alpha1.ClaimRequest{Worker: "w"})
		begun := time.Now()
		resp, err := k.claim(t.Context(), &v1alpha1.ClaimRequest{Worker: "v", Wait: &metav1.Duration{Duration: 7 * time.Second}})
		if err != nil || len(resp.Leases) > 0 || resp.None != v1alpha1.NoneAllOut || time.Since(begun) != 7*time.Second {
			t.Errorf("%+v, %v after %v", resp, err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := k.claim(ctx, &v1alpha1.ClaimRequest{Worker: "v", Wait: &metav1.Duration{Duration: 7 * time.Second}}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller that has gone: %v", err)
		}
		if n := k.waiting.queue.Len(); n != 0 {
			t.Errorf("%d claims wait still", n)
		}
	})
}

// When a write fails nobody knows what is durable: everybody is refused, those who wait included, until the list is taken
// over anew.
func TestAFailedCommit(t *testing.T) {
	kept(t, v1alpha1.WorklistSpec{Size: 2, Block: v1alpha1.BlockPolicy{Size: 1}}, func(t *testing.T, k *keeper, j *slowJournal) {
		l := claimed(t, k, v1alpha1.ClaimRequest{Worker: "w"})
		claimed(t, k, v1alpha1.ClaimRequest{Worker: "v"})
		waiting := make(chan error, 1)
		go func() {
			_, err := k.claim(t.Context(), &v1alpha1.ClaimRequest{Worker: "x", Wait: &metav1.Duration{Duration: time.Minute}})
			waiting <- err
		}()
		synctest.Wait()
		j.mu.Lock()
		j.fail = errors.New("no space left on device")
		j.mu.Unlock()
		if err := complete(t.Context(), k, "w", l.Token); !errors.Is(err, errGone) {
			t.Errorf("a completion that was not written: %v", err)
		}
		if err := <-waiting; !errors.Is(err, errGone) {
			t.Errorf("a claim that waited: %v", err)
		}
		if _, err := k.claim(t.Context(), &v1alpha1.ClaimRequest{Worker: "x"}); !errors.Is(err, errGone) {
			t.Errorf("a later claim: %v", err)
		}
	})
}

// A deadline strikes although nobody calls.
func TestADeadlineStrikes(t *testing.T) {
	kept(t, v1alpha1.WorklistSpec{Size: 2}, func(t *testing.T, k *keeper, j *slowJournal) {
		k.setPolicy(func(p *worklist.Policy) { p.Deadline = time.Now().Add(time.Hour) })
		ended := func() bool {
			synctest.Wait()
			k.mu.Lock() // and no look at the status, which would let time pass in the ledger
			defer k.mu.Unlock()
			return k.ledger.Outcome().Phase == worklist.Failed
		}
		time.Sleep(time.Hour - time.Second)
		if ended() {
			t.Error("it struck before its time")
		}
		time.Sleep(time.Second)
		if !ended() {
			t.Error("it does not strike")
		}
	})
}
