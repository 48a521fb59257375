package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/worklist"
)

// wire is a List server without a network or a store: a ledger that answers calls in this process, so that a test can
// have a clock of its own. It loses answers, or is away, as the test says.
type wire struct {
	mu     sync.Mutex
	ledger *worklist.Ledger
	sealer *worklist.Sealer
	calls  int
	lose   func(call int) bool // the call is done, and its answer is lost
	away   time.Time           // until then nobody answers
}

func newWire(size int64, p worklist.Policy) (*wire, *client.Client) {
	w := &wire{ledger: worklist.New(size, p), sealer: worklist.NewSealer([]byte("secret"), "list"), lose: func(int) bool { return false }}
	w.ledger.Flush()
	w.ledger.Confirm()
	c := client.New("http://wire", "token")
	c.HTTP = &http.Client{Transport: w}
	return w, c
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var req v1alpha1.ExchangeRequest
	if err := json.Unmarshal(body, &req); err != nil {
		return nil, err
	}
	wait := time.Duration(0)
	if req.Wait != nil {
		wait = req.Wait.Duration
	}
	for until := time.Now().Add(wait); ; {
		w.mu.Lock()
		if time.Now().Before(w.away) {
			w.mu.Unlock()
			return nil, errors.New("connection refused")
		}
		w.calls++
		resp := w.exchange(&req, strings.HasSuffix(r.URL.Path, "/claim"))
		lost := w.lose(w.calls)
		w.mu.Unlock()
		if lost {
			return nil, errors.New("connection reset by peer")
		}
		if len(resp.Leases) == 0 && resp.None != "" && resp.None != v1alpha1.NoneOver && time.Now().Before(until) {
			select {
			case <-r.Context().Done():
				return nil, r.Context().Err()
			case <-time.After(100 * time.Millisecond):
			}
			continue
		}
		answer, err := json.Marshal(resp)
		if err != nil {
			return nil, err
		}
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(answer)), Request: r}, nil
	}
}

func (w *wire) lease(x worklist.Lease) v1alpha1.Lease {
	return v1alpha1.Lease{Token: w.sealer.Seal(x.Token()), Index: x.Range.Start, Size: x.Range.Size(), Attempt: x.Attempt, Deadline: x.Deadline}
}

func (w *wire) exchange(req *v1alpha1.ExchangeRequest, claim bool) *v1alpha1.ExchangeResponse {
	now, resp := time.Now(), &v1alpha1.ExchangeResponse{}
	for i, r := range req.Reports {
		t, err := w.sealer.Open(r.Token, req.Worker)
		if err != nil {
			panic(err)
		}
		rep := worklist.Report{Release: r.Release}
		for _, d := range r.Done {
			rep.Done = append(rep.Done, worklist.Range{Start: d.Index, End: d.Index + d.Size})
		}
		for _, f := range r.Failed {
			rep.Failed = append(rep.Failed, worklist.FailedRange{Range: worklist.Range{Start: f.Index, End: f.Index + f.Size}, Reason: f.Reason, Final: true})
		}
		if rc := w.ledger.Report(now, t, rep); rc.Verdict != worklist.Accepted {
			resp.Receipts = append(resp.Receipts, v1alpha1.IndexedReceipt{I: i, Receipt: v1alpha1.Receipt{Status: v1alpha1.ReportStatus(rc.Verdict), Message: rc.Message}})
		}
	}
	for _, text := range req.Renew {
		t, err := w.sealer.Open(text, req.Worker)
		if err != nil {
			panic(err)
		}
		r := w.ledger.Renew(now, t)
		x := v1alpha1.RenewedLease{Status: v1alpha1.ReportStatus(r.Verdict), Message: r.Message}
		if r.Verdict == worklist.Accepted {
			x.Lease = w.lease(r.Lease)
		}
		resp.Renewed = append(resp.Renewed, x)
	}
	if req.Blocks > 0 || claim {
		g := w.ledger.Claim(now, worklist.Claim{Worker: req.Worker, Request: req.Request, Blocks: max(1, req.Blocks)})
		resp.None, resp.Message, resp.LeaseSeconds = v1alpha1.NoneReason(g.None), g.Message, g.Lease.Seconds()
		for _, x := range g.Leases {
			resp.Leases = append(resp.Leases, w.lease(x))
		}
	}
	w.ledger.Flush()
	w.ledger.Confirm()
	return resp
}

func (w *wire) status() worklist.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ledger.Status(time.Now())
}

var quiet = slog.New(slog.DiscardHandler)

// A block that takes longer than its lease is kept by heartbeats, and what it reports ahead of its end arrives with them.
func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWire(10, worklist.Policy{Blocks: worklist.BlockPolicy{Size: 10}, Lease: time.Minute})
		attempts := 0
		err := c.Work(t.Context(), "list", func(ctx context.Context, b *client.Block) error {
			attempts++
			for i := b.Index; i < b.Index+b.Size; i++ {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Minute):
				}
				b.Done(i, 1)
				if i == 5 {
					time.Sleep(25 * time.Second)
					if done := w.status().Done; done != 6 {
						t.Errorf("%d items are reported after six, and a heartbeat later", done)
					}
				}
			}
			return nil
		}, client.WorkOptions{Worker: "w", Log: quiet})
		if err != nil || attempts != 1 || w.status().Done != 10 {
			t.Errorf("%v; %d attempts, %+v", err, attempts, w.status())
		}
	})
}

// Answers are lost again and again: calls are repeated, no block is left behind or done twice.
func TestLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWire(200, worklist.Policy{Blocks: worklist.BlockPolicy{Size: 3}, Lease: time.Minute})
		w.lose = func(call int) bool { return call%3 == 0 }
		var mu sync.Mutex
		done := map[int64]int{}
		err := c.Work(t.Context(), "list", func(ctx context.Context, b *client.Block) error {
			time.Sleep(time.Second)
			mu.Lock()
			defer mu.Unlock()
			done[b.Index]++
			return nil
		}, client.WorkOptions{Worker: "w", Parallel: 4, Log: quiet})
		if err != nil || len(done) != 67 || w.status().Done != 200 {
			t.Errorf("%v; %d blocks, %+v", err, len(done), w.status())
		}
		for i, n := range done {
			if n != 1 {
				t.Errorf("block %d was done %d times", i, n)
			}
		}
	})
}

// The server is away for longer than a lease. The block is lost to another meanwhile: its context ends with ErrLost, and
// the worker goes on with other work.
func TestALostBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWire(2, worklist.Policy{Blocks: worklist.BlockPolicy{Size: 1}, Lease: time.Minute, Backoff: worklist.Backoff{Initial: time.Second}})
		var lost error
		err := c.Work(t.Context(), "list", func(ctx context.Context, b *client.Block) error {
			if b.Index > 0 || lost != nil {
				return nil
			}
			w.mu.Lock()
			w.away = time.Now().Add(5 * time.Minute)
			w.mu.Unlock()
			time.Sleep(4 * time.Minute)
			w.mu.Lock() // another takes it, as soon as the server is back
			w.ledger.Tick(time.Now())
			w.ledger.Tick(time.Now().Add(2 * time.Second))
			g := w.ledger.Claim(time.Now().Add(3*time.Second), worklist.Claim{Worker: "other"})
			if len(g.Leases) != 1 || g.Leases[0].Range.Start != 0 {
				t.Errorf("the other got %+v", g)
			}
			w.mu.Unlock()
			<-ctx.Done()
			lost = context.Cause(ctx)
			w.mu.Lock()
			w.ledger.Report(time.Now(), g.Leases[0].Token(), worklist.Report{})
			w.mu.Unlock()
			return ctx.Err()
		}, client.WorkOptions{Worker: "w", Log: quiet})
		if st := w.status(); err != nil || !errors.Is(lost, client.ErrLost) || st.Done != 2 || st.Failed != 0 {
			t.Errorf("%v; the block ended with %v; %+v", err, lost, st)
		}
	})
}

// What a function returns is what becomes of its block.
func TestWhatBecomesOfABlock(t *testing.T) {
	for _, c := range []struct {
		name         string
		do           func(*client.Block) error
		done, failed int64
	}{
		{"nil: the rest is done", func(b *client.Block) error { return nil }, 10, 0},
		{"an error: the rest failed", func(b *client.Block) error { b.Done(0, 4); return errors.New("no") }, 4, 6},
		{"single items fail", func(b *client.Block) error { b.Fail(3, "no"); return nil }, 9, 1},
		{"a long reason is cut", func(b *client.Block) error { return errors.New(strings.Repeat("é", 5000)) }, 0, 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, cl := newWire(10, worklist.Policy{Blocks: worklist.BlockPolicy{Size: 10}})
				err := cl.Work(t.Context(), "list", func(_ context.Context, b *client.Block) error { return c.do(b) }, client.WorkOptions{Worker: "w", Log: quiet})
				if st := w.status(); err != nil || st.Done != c.done || st.Failed != c.failed {
					t.Errorf("%v; %+v", err, st)
				}
			})
		})
	}
}

// A drained worker finishes what it has and takes no more; one whose context ends gives back what it has not done.
func TestDrainAndCancel(t *testing.T) {
	for _, drain := range []bool{true, false} {
		t.Run(fmt.Sprintf("drain %t", drain), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, c := newWire(100, worklist.Policy{Blocks: worklist.BlockPolicy{Size: 10}})
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				drained := make(chan struct{})
				err := c.Work(ctx, "list", func(ctx context.Context, b *client.Block) error {
					b.Done(b.Index, 3)
					if drain {
						close(drained)
						time.Sleep(time.Minute)
						return nil
					}
					cancel()
					<-ctx.Done()
					return ctx.Err()
				}, client.WorkOptions{Worker: "w", Log: quiet, Drain: drained})
				st := w.status()
				switch {
				case drain && (err != nil || st.Done != 10):
					t.Errorf("drained: %v, %+v", err, st)
				case !drain && (!errors.Is(err, context.Canceled) || st.Done != 3):
					t.Errorf("cancelled: %v, %+v", err, st)
				case st.Blocks != 0 || st.Failed != 0:
					t.Errorf("it holds blocks still, or has failed some: %+v", st)
				}
			})
		})
	}
}

// A call is repeated while the server cannot be reached, as long as the client is patient, and its error says where the
// server was looked for.
func TestPatience(t *testing.T) {
	for _, p := range []struct{ patience, least, most time.Duration }{
		{0, 8 * time.Second, 10 * time.Second},
		{time.Minute, 57 * time.Second, time.Minute},
		{-1, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, c := newWire(1, worklist.Policy{})
			w.away = time.Now().Add(time.Hour)
			c.Patience = p.patience
			begun := time.Now()
			_, err := c.Claim(t.Context(), "list", &v1alpha1.ClaimRequest{Worker: "w"})
			if took := time.Since(begun); err == nil || !strings.Contains(err.Error(), "http://wire") || took < p.least || took > p.most {
				t.Errorf("patience %v: %v after %v", p.patience, err, took)
			}
		})
	}
}

// Problem details are told whole, and known for what they are.
func TestProblem(t *testing.T) {
	c := client.New("http://wire", "")
	c.HTTP = &http.Client{Transport: answer{404, `{"status":404,"title":"Not Found","detail":"list x: not found"}`}}
	if _, err := c.Get(t.Context(), "x"); !client.IsNotFound(err) || err.Error() != "list x: not found" {
		t.Errorf("%v", err)
	}
	c.HTTP = &http.Client{Transport: answer{422, `{"status":422,"detail":"validation failed","errors":[{"location":"body.spec.size","message":"must be above 0"}]}`}}
	if _, err := c.Get(t.Context(), "x"); err == nil || err.Error() != "validation failed; spec.size: must be above 0" {
		t.Errorf("%v", err)
	}
	c.HTTP = &http.Client{Transport: answer{418, "I am a teapot"}}
	if _, err := c.Get(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "http://wire answered 418: I am a teapot") {
		t.Errorf("%v", err)
	}
}

type answer struct {
	status int
	body   string
}

func (a answer) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}
