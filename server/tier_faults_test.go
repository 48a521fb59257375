package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/store"
	"teamtask.dev/worklist"
)

// above is the upstream of a tier: a keeper in this process, with the wire to it in the test's hand.
type above struct {
	journal *slowJournal

	mu       sync.Mutex
	wl       v1alpha1.Worklist
	keeper   *keeper
	claims   int
	get      func(context.Context) error                            // before a look
	exchange func(context.Context, *v1alpha1.ExchangeRequest) error // before an exchange
}

func (a *above) now() (*keeper, v1alpha1.Worklist) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.keeper, a.wl
}

func (a *above) Get(ctx context.Context, _ string) (*v1alpha1.Worklist, error) {
	a.mu.Lock()
	before := a.get
	a.mu.Unlock()
	if before != nil {
		if err := before(ctx); err != nil {
			return nil, err
		}
	}
	k, wl := a.now()
	return &wl, k.read(func(now time.Time) { wl.Status = statusOf(k.ledger, now) })
}

func (a *above) Claim(ctx context.Context, _ string, req *v1alpha1.ClaimRequest) (*v1alpha1.ClaimResponse, error) {
	a.mu.Lock()
	a.claims++
	a.mu.Unlock()
	k, _ := a.now()
	return k.claim(ctx, req)
}

func (a *above) Exchange(ctx context.Context, _ string, req *v1alpha1.ExchangeRequest) (*v1alpha1.ExchangeResponse, error) {
	a.mu.Lock()
	before := a.exchange
	a.mu.Unlock()
	if before != nil {
		if err := before(ctx, req); err != nil {
			return nil, err
		}
	}
	k, _ := a.now()
	return k.exchange(ctx, req)
}

func (a *above) on(get func(context.Context) error, exchange func(context.Context, *v1alpha1.ExchangeRequest) error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.get, a.exchange = get, exchange
}

// restart has another server take the list over.
func (a *above) restart(t *testing.T) {
	t.Helper()
	old, wl := a.now()
	old.stop()
	<-old.ended
	p := wl.Policy()
	a.journal.mu.Lock()
	rec := a.journal.record
	a.journal.mu.Unlock()
	k := newKeeper(&wl, worklist.Restore(rec, p, time.Now(), true), p, a.journal, []byte("secret"), newCounters(), slog.New(slog.DiscardHandler))
	k.start(t.Context())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.keeper = k
}

// tiered runs a test with a tier below a keeper, in a bubble with a clock of its own.
func tiered(t *testing.T, spec v1alpha1.WorklistSpec, f func(*testing.T, *above, *Tier)) {
	kept(t, spec, func(t *testing.T, k *keeper, j *slowJournal) {
		a := &above{journal: j, keeper: k, wl: v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Name: "list", UID: "uid"}, Spec: spec}}
		x, err := NewTier(t.Context(), TierOptions{Upstream: a, List: "list", Name: "tier", Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
		if err != nil {
			t.Fatal(err)
		}
		f(t, a, x)
		a.on(nil, nil)
		if err := x.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if last, _ := a.now(); last != k {
			last.stop()
			<-last.ended
		}
	})
}

func keeperOf(t *testing.T, x *Tier) *keeper {
	t.Helper()
	k, err := x.mine(t.Context(), "list")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func waiting(worker string) v1alpha1.ClaimRequest {
	return v1alpha1.ClaimRequest{Worker: worker, Wait: &metav1.Duration{Duration: 30 * time.Second}}
}

var tenAtOnce = v1alpha1.WorklistSpec{Size: 10, Block: v1alpha1.BlockPolicy{Size: 10, Timeout: &metav1.Duration{Duration: 10 * time.Second}}}

// A completion that is refused upstream, because the block was taken back, must not cost the tier the same block when it
// was handed to it once more meanwhile.
func TestABlockThatCameBackIsHandedOut(t *testing.T) {
	tiered(t, tenAtOnce, func(t *testing.T, a *above, x *Tier) {
		k := keeperOf(t, x)
		l := claimed(t, k, waiting("w"))
		a.on(nil, func(_ context.Context, req *v1alpha1.ExchangeRequest) error {
			if len(req.Reports) > 0 {
				time.Sleep(20 * time.Second) // it arrives when the lease has run out and the block has gone out again
				return nil
			}
			return errors.New("connection refused")
		})
		if err := complete(t.Context(), k, "w", l.Token); err == nil {
			t.Error("a completion counts that was refused upstream")
		}
		a.on(nil, nil)
		again := claimed(t, k, waiting("v"))
		if again.Index != 0 || again.Size != 10 {
			t.Errorf("%+v came back", again)
		}
		if err := complete(t.Context(), k, "v", again.Token); err != nil {
			t.Error(err)
		}
		if n := a.journal.done(); n != 10 {
			t.Errorf("%d items are done", n)
		}
	})
}

// A worker that serves all lists is given blocks by a tier that has begun anew.
func TestATierThatGaveUpServesAllLists(t *testing.T) {
	spec := tenAtOnce
	spec.Size = 1000
	tiered(t, spec, func(t *testing.T, a *above, x *Tier) {
		k := keeperOf(t, x)
		l := claimed(t, k, waiting("w"))
		a.on(nil, func(context.Context, *v1alpha1.ExchangeRequest) error { return errors.New("connection refused") })
		if err := complete(t.Context(), k, "w", l.Token); !errors.Is(err, errGone) {
			t.Fatal(err)
		}
		a.on(nil, nil)
		resp, err := claimAny(t.Context(), x, waiting("w"))
		if err != nil || len(resp.Leases) != 1 {
			t.Errorf("%+v, %v", resp, err)
		}
	})
}

// A tier does not say that the list is over before its upstream does: what it turned in may yet be refused.
func TestATierDoesNotEndTheList(t *testing.T) {
	tiered(t, tenAtOnce, func(t *testing.T, a *above, x *Tier) {
		k := keeperOf(t, x)
		l := claimed(t, k, waiting("w"))
		a.on(nil, func(context.Context, *v1alpha1.ExchangeRequest) error { time.Sleep(3 * time.Second); return nil })
		done := make(chan error, 1)
		go func() { done <- complete(t.Context(), k, "w", l.Token) }()
		synctest.Wait()
		if resp, err := k.claim(t.Context(), &v1alpha1.ClaimRequest{Worker: "v"}); err != nil || resp.None == v1alpha1.NoneOver {
			t.Errorf("%+v, %v, when nothing is counted upstream", resp, err)
		}
		req := waiting("v")
		if resp, err := k.claim(t.Context(), &req); err != nil || resp.None != v1alpha1.NoneOver || a.journal.done() != 10 {
			t.Errorf("%+v, %v, and %d items are done upstream", resp, err, a.journal.done())
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A renewal gives a lease a new token where the upstream was restarted; a completion must not come under the old one.
func TestACompletionGoesBeforeOrAfterARenewal(t *testing.T) {
	spec := tenAtOnce
	spec.Size = 1000
	tiered(t, spec, func(t *testing.T, a *above, x *Tier) {
		k := keeperOf(t, x)
		l := claimed(t, k, waiting("w"))
		synctest.Wait()
		a.restart(t)
		a.on(nil, func(_ context.Context, req *v1alpha1.ExchangeRequest) error {
			if len(req.Reports) > 0 {
				time.Sleep(5 * time.Second) // the leases are due to be renewed meanwhile
			}
			return nil
		})
		if err := complete(t.Context(), k, "w", l.Token); err != nil {
			t.Error(err)
		}
	})
}

// A tier that nobody works at asks its upstream for nothing, whatever the last answer was.
func TestAnIdleTierIsQuiet(t *testing.T) {
	spec := tenAtOnce
	spec.Block.Timeout = &metav1.Duration{Duration: time.Hour}
	tiered(t, spec, func(t *testing.T, a *above, x *Tier) {
		claimed(t, a.keeper, v1alpha1.ClaimRequest{Worker: "other"})
		if resp, err := keeperOf(t, x).claim(t.Context(), &v1alpha1.ClaimRequest{Worker: "w"}); err != nil || len(resp.Leases) > 0 {
			t.Fatal(resp, err)
		}
		time.Sleep(time.Minute)
		a.mu.Lock()
		before := a.claims
		a.mu.Unlock()
		time.Sleep(10 * time.Minute)
		a.mu.Lock()
		defer a.mu.Unlock()
		if n := a.claims - before; n > 0 {
			t.Errorf("an idle tier asked %d times in ten minutes", n)
		}
	})
}

// When the list is deleted upstream, those who wait at a tier are told so.
func TestTheListIsDeletedUpstream(t *testing.T) {
	tiered(t, tenAtOnce, func(t *testing.T, a *above, x *Tier) {
		k := keeperOf(t, x)
		claimed(t, k, waiting("w"))
		a.on(func(context.Context) error {
			return &client.Problem{Status: http.StatusNotFound, Detail: "list list: not found"}
		}, nil)
		req := waiting("v")
		if _, err := k.claim(t.Context(), &req); !errors.Is(err, errGone) {
			t.Errorf("a claim that waits: %v", err)
		}
		if _, err := x.mine(t.Context(), "list"); err == nil || !strings.Contains(problem(err).Error(), "not found") {
			t.Errorf("the next call: %v", err)
		}
	})
}

// An upstream that takes a call and does not answer holds up neither the other calls of a tier nor its end.
func TestAnUpstreamThatHangs(t *testing.T) {
	spec := tenAtOnce
	spec.Size = 1000
	tiered(t, spec, func(t *testing.T, a *above, x *Tier) {
		hang := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		k := keeperOf(t, x)
		l := claimed(t, k, waiting("w"))
		a.on(hang, nil) // how the list stands is not answered
		for range 20 {
			time.Sleep(3 * time.Second)
			resp, err := k.exchange(t.Context(), &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: "w"}, Renew: []string{l.Token}})
			if err != nil || resp.Renewed[0].Status != v1alpha1.ReportAccepted {
				t.Fatal(resp, err)
			}
			l.Token = resp.Renewed[0].Token
		}
		if err := complete(t.Context(), k, "w", l.Token); err != nil {
			t.Errorf("after a minute of renewals: %v", err)
		}
		k.stop()
		<-k.ended
		calls := make(chan error, 2)
		for range cap(calls) {
			go func() {
				_, err := x.mine(context.Background(), "list")
				calls <- err
			}()
		}
		synctest.Wait()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := x.mine(gone, "list"); err == nil {
			t.Error("a caller that has gone is answered")
		}
		if n := len(x.keepers()); n > 1 {
			t.Errorf("%d keepers", n)
		}
		if err := x.Close(t.Context()); err != nil {
			t.Error(err)
		}
		for range cap(calls) {
			if err := <-calls; err == nil {
				t.Error("a tier that is closed has a keeper")
			}
		}
	})
}

// A block that may be given out only once the news is durable is given out as soon as it is, though nothing else happens.
func TestAClaimDuringACommit(t *testing.T) {
	kept(t, v1alpha1.WorklistSpec{Size: 3, Block: v1alpha1.BlockPolicy{Size: 1}}, func(t *testing.T, k *keeper, j *slowJournal) {
		var tokens []string
		for range 3 {
			tokens = append(tokens, claimed(t, k, v1alpha1.ClaimRequest{Worker: "w"}).Token)
		}
		release := &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: "w"}, Reports: []v1alpha1.Report{{Token: tokens[0], Release: true}}}
		if _, err := k.exchange(t.Context(), release); err != nil {
			t.Fatal(err)
		}
		j.takes = time.Second
		done := make(chan error, 1)
		go func() { done <- complete(t.Context(), k, "w", tokens[1]) }()
		synctest.Wait()
		begun := time.Now()
		claimed(t, k, v1alpha1.ClaimRequest{Worker: "v"})
		if took := time.Since(begun); took > 2*j.takes {
			t.Errorf("it took %v, where a write takes %v", took, j.takes)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// That a list is over is said when it is durable: workers go home on it.
func TestAListIsOverWhenThatIsDurable(t *testing.T) {
	kept(t, v1alpha1.WorklistSpec{Size: 1}, func(t *testing.T, k *keeper, j *slowJournal) {
		l := claimed(t, k, v1alpha1.ClaimRequest{Worker: "w"})
		synctest.Wait()
		j.takes = time.Second
		done := make(chan error, 1)
		go func() { done <- complete(t.Context(), k, "w", l.Token) }()
		synctest.Wait()
		if resp, err := k.claim(t.Context(), &v1alpha1.ClaimRequest{Worker: "v"}); err != nil || resp.None != v1alpha1.NoneOver || j.done() != 1 {
			t.Errorf("%+v, %v, and %d items are durably done", resp, err, j.done())
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// A list that was over at a tier, and is reopened upstream, goes on there.
func TestAListIsReopenedUpstream(t *testing.T) {
	spec := tenAtOnce
	spec.Block.MaxAttempts = 1
	tiered(t, spec, func(t *testing.T, a *above, x *Tier) {
		k := keeperOf(t, x)
		l := claimed(t, k, waiting("w"))
		failed := []v1alpha1.Report{{Token: l.Token, Failed: []v1alpha1.FailedItems{{Range: v1alpha1.Range{Index: 0, Size: 10}, Reason: "no luck", Final: true}}}}
		if resp, err := k.exchange(t.Context(), &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: "w"}, Reports: failed}); err != nil || resp.Accepted != 1 {
			t.Fatal(resp, err)
		}
		req := waiting("w")
		begun := time.Now()
		if resp, err := k.claim(t.Context(), &req); err != nil || resp.None != v1alpha1.NoneOver || time.Since(begun) > pollEvery {
			t.Fatal(resp, err, time.Since(begun))
		}
		if err := a.keeper.change(t.Context(), func(now time.Time, _ *batch) bool { a.keeper.ledger.Retry(now); return true }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * pollEvery)
		k = keeperOf(t, x)
		if err := complete(t.Context(), k, "w", claimed(t, k, waiting("w")).Token); err != nil || a.journal.done() != 10 {
			t.Errorf("%v, %d items are done", err, a.journal.done())
		}
	})
}

// A tier that is cut off for longer than its leases loses what it had, and goes on; nothing is acknowledged that another
// was given meanwhile.
func TestATierIsCutOff(t *testing.T) {
	spec := tenAtOnce
	spec.Size = 100
	tiered(t, spec, func(t *testing.T, a *above, x *Tier) {
		k := keeperOf(t, x)
		l := claimed(t, k, waiting("w"))
		away := errors.New("connection refused")
		a.on(func(context.Context) error { return away }, func(context.Context, *v1alpha1.ExchangeRequest) error { return away })
		time.Sleep(30 * time.Second)
		again := claimed(t, a.keeper, v1alpha1.ClaimRequest{Worker: "other"})
		if again.Index != l.Index {
			t.Fatalf("%+v went out again", again)
		}
		a.on(nil, nil)
		if err := complete(t.Context(), k, "w", l.Token); err == nil {
			t.Error("what another has is acknowledged")
		}
		if err := complete(t.Context(), a.keeper, "other", again.Token); err != nil {
			t.Error(err)
		}
		for a.journal.done() < 100 {
			k := keeperOf(t, x)
			req := waiting("w")
			resp, err := k.claim(t.Context(), &req)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range resp.Leases {
				if err := complete(t.Context(), k, "w", l.Token); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// A list may be changed while workers claim. (The race detector looks on.)
func TestASpecChangesDuringClaims(t *testing.T) {
	kept(t, v1alpha1.WorklistSpec{Size: 100, Block: v1alpha1.BlockPolicy{Size: 1}, Command: []string{"true"}}, func(t *testing.T, k *keeper, j *slowJournal) {
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if _, err := k.claim(t.Context(), &v1alpha1.ClaimRequest{Worker: "w", Command: []string{"true"}}); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				wl := &v1alpha1.Worklist{Spec: v1alpha1.WorklistSpec{Size: 100, Priority: 1, Command: []string{"true"}}}
				if err := k.setSpec(t.Context(), wl); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	})
}

// commitOf is a commit that counts a range, with rows.
func commitOf(done worklist.Range, rows ...v1alpha1.Result) *commit {
	c := &commit{}
	c.delta.Done.Put(done, struct{}{})
	for _, r := range rows {
		c.rows = append(c.rows, store.Rows{Data: appendRow(nil, &r)})
	}
	return c
}

func aRow(index, size int64, output, found string) v1alpha1.Result {
	return v1alpha1.Result{ItemResult: v1alpha1.ItemResult{Index: index, Size: size, OK: true, Output: output}, Worker: "w", Found: found}
}

// recorder is an upstream that accepts everything.
type recorder struct {
	Upstream
	requests []*v1alpha1.ExchangeRequest
}

func (r *recorder) Exchange(_ context.Context, _ string, req *v1alpha1.ExchangeRequest) (*v1alpha1.ExchangeResponse, error) {
	r.requests = append(r.requests, req)
	return &v1alpha1.ExchangeResponse{}, nil
}

// Every row goes upstream, whichever rows stand around it and however many blocks and calls they are spread over; and no
// call is larger than the upstream takes, whatever JSON makes of the output.
func TestRowsGoUpstream(t *testing.T) {
	output := strings.Repeat("<", 64<<10) // six bytes each
	var fat []v1alpha1.Result
	for i := range int64(20) {
		fat = append(fat, aRow(i, 1, output, ""))
	}
	var values []v1alpha1.Result
	for i := range int64(300) {
		values = append(values, aRow(i, 1, "", fmt.Sprintf("%04d%s", i, output[:4000])))
	}
	for name, c := range map[string]struct {
		rows   []v1alpha1.Result
		grants []worklist.Range
	}{
		"a found value within a run": {[]v1alpha1.Result{aRow(0, 100, "", ""), aRow(50, 1, "", "x")}, []worklist.Range{{Start: 0, End: 60}, {Start: 60, End: 100}}},
		"large outputs":              {fat, []worklist.Range{{Start: 0, End: 20}}},
		"outputs of whole blocks":    {[]v1alpha1.Result{aRow(0, 10, output, ""), aRow(10, 30, output, ""), aRow(40, 7, output, "")}, []worklist.Range{{Start: 0, End: 47}}},
		"many values":                {append([]v1alpha1.Result{aRow(0, 300, "", "")}, values...), []worklist.Range{{Start: 0, End: 300}}},
	} {
		t.Run(name, func(t *testing.T) {
			sent := &recorder{}
			u := newUpstream(sent, "list", "tier")
			for i, r := range c.grants {
				u.admit(v1alpha1.Lease{Index: r.Start, Size: r.Size(), Token: fmt.Sprint(i)})
			}
			all := worklist.Range{Start: 0, End: c.grants[len(c.grants)-1].End}
			if err := u.write(t.Context(), commitOf(all, c.rows...)); err != nil {
				t.Fatal(err)
			}
			var done, rows worklist.Set
			outputs, found := 0, 0
			for _, req := range sent.requests {
				body, err := json.Marshal(req)
				if err != nil || len(body) > maxExchange {
					t.Errorf("a call of %d bytes, %v", len(body), err)
				}
				outputs += bytes.Count(body, []byte(`"output"`))
				for _, rep := range req.Reports {
					found += len(rep.Found)
					for _, d := range rep.Done {
						done.Put(d.Core(), struct{}{})
					}
					for _, r := range rep.Results {
						rows.Put(v1alpha1.Range{Index: r.Index, Size: r.Size}.Core(), struct{}{})
					}
				}
			}
			var given worklist.Set
			wantOutputs, wantFound := 0, 0
			for _, r := range c.rows {
				if r.Found != "" {
					wantFound++
					continue
				}
				if r.Output != "" {
					wantOutputs++
				}
				given.Put(worklist.Range{Start: r.Index, End: r.Index + r.Size}, struct{}{})
			}
			if !done.Covers(all) || worklist.FormatRanges(&rows) != worklist.FormatRanges(&given) || outputs != wantOutputs || found != wantFound {
				t.Errorf("done %s, rows of %s with %d outputs and %d found values, of %s, %d and %d", worklist.FormatRanges(&done), worklist.FormatRanges(&rows),
					outputs, found, worklist.FormatRanges(&given), wantOutputs, wantFound)
			}
		})
	}
}
