package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/server"
)

// tier is a tier of a site, as `teamtask serve --upstream` runs it.
type tier struct {
	*client.Client
	tier *server.Tier
	http *httptest.Server
	up   *client.Client
}

func startTier(t *testing.T, upstream *client.Client, list, name string) *tier {
	t.Helper()
	at, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	up := client.New(upstream.URL, upstream.Token)
	x, err := server.NewTier(t.Context(), server.TierOptions{Upstream: up, List: list, Name: name, URL: at, UpstreamToken: upstream.Bearer,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(x.Handler())
	return &tier{Client: client.New(h.URL, x.Token()), tier: x, http: h, up: up}
}

func (x *tier) stop(t *testing.T) {
	t.Helper()
	if err := x.tier.Close(context.Background()); err != nil {
		t.Error(err)
	}
	x.Client.Close()
	x.up.Close()
	x.http.Close()
}

// A list is worked on through a tree of tiers: each item is done once, failures, found values and who did what arrive at
// the top, and the top is asked for few blocks.
func TestTier(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	const size = 20_000
	if _, err := s.Create(t.Context(), newList("primes", v1alpha1.WorklistSpec{Size: size, Block: v1alpha1.BlockPolicy{Size: 10, MaxAttempts: 2,
		Backoff: v1alpha1.BackoffPolicy{Initial: &metav1.Duration{Duration: time.Millisecond}}}})); err != nil {
		t.Fatal(err)
	}
	middle := startTier(t, s.Client, "primes", "middle")
	defer middle.stop(t)
	low := startTier(t, middle.Client, "primes", "low")
	defer low.stop(t)

	var counts [size]atomic.Int32
	var blocks atomic.Int64
	do := func(ctx context.Context, b *client.Block) error {
		blocks.Add(1)
		for i := b.Index; i < b.Index+b.Size; i++ {
			switch {
			case i == 777:
				b.Fail(i, "a poison item")
			case i == 4242:
				b.Found(i, "the answer")
				b.Done(i, 1)
				counts[i].Add(1)
			default:
				counts[i].Add(1)
			}
		}
		return nil
	}
	var workers sync.WaitGroup
	var all sync.WaitGroup // each has a block before any is done: the first could do them all while the others connect
	all.Add(3)
	for i, c := range []*client.Client{middle.Client, low.Client, low.Client} {
		var first sync.Once
		do := func(ctx context.Context, b *client.Block) error {
			first.Do(func() { all.Done(); all.Wait() })
			return do(ctx, b)
		}
		workers.Go(func() {
			if err := c.Work(t.Context(), "primes", do, client.WorkOptions{Worker: fmt.Sprintf("w%d", i), Parallel: 3}); err != nil {
				t.Error(err)
			}
			first.Do(all.Done) // should it have failed before
		})
	}
	workers.Wait()
	for i := range counts {
		if n := counts[i].Load(); n != 1 && i != 777 {
			t.Fatalf("item %d was done %d times", i, n)
		}
	}
	wl, err := s.Get(t.Context(), "primes")
	if err != nil {
		t.Fatal(err)
	}
	if st := wl.Status; st.Done != size-1 || st.Failed != 1 || len(st.FailedRanges) != 1 || st.FailedRanges[0].Index != 777 || st.FailedRanges[0].Reason != "a poison item" ||
		len(st.Found) != 1 || st.Found[0].Value != "the answer" || !strings.HasPrefix(st.Found[0].Worker, "middle/") {
		t.Errorf("status %+v", st)
	}
	seen, claimed := map[string]bool{}, 0
	var rows int64
	for r, err := range s.Results(t.Context(), "primes", client.ResultsFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Found == "" {
			rows += r.Size
			seen[r.Worker] = true
			claimed++
		}
	}
	if rows != size || !seen["middle/w0"] || !seen["middle/low/w1"] || !seen["middle/low/w2"] {
		t.Errorf("rows of %d items, by %v", rows, seen)
	}
	t.Logf("%d blocks below", blocks.Load())
}

// What is decided at the top arrives below: a list that is paused, resumed and cancelled; and who may do what at a tier.
func TestTierFollowsItsUpstream(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	if _, err := s.Create(t.Context(), newList("long", v1alpha1.WorklistSpec{Size: 1 << 40, Block: v1alpha1.BlockPolicy{Size: 10}})); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), newList("another", v1alpha1.WorklistSpec{Size: 1})); err != nil {
		t.Fatal(err)
	}
	x := startTier(t, s.Client, "long", "tier")
	defer x.stop(t)
	ctx := t.Context()
	for _, c := range []struct {
		after string
		want  int
	}{{"", 1}, {"lone", 1}, {"long", 0}, {"m", 0}} {
		page, err := x.Page(ctx, c.after, 10)
		if err != nil || len(page.Items) != c.want || c.want > 0 && page.Items[0].Name != "long" {
			t.Errorf("after %q it lists %+v, %v", c.after, page, err)
		}
	}

	if _, err := x.Patch(ctx, "long", map[string]any{"spec": map[string]any{"suspend": true}}); err == nil || !strings.Contains(err.Error(), "run it above: teamtask --server http://") {
		t.Errorf("a tier lets itself be changed: %v", err)
	}
	if _, err := x.Claim(ctx, "other", &v1alpha1.ClaimRequest{Worker: "w"}); !client.IsNotFound(err) {
		t.Errorf("another list: %v", err)
	}
	wl, err := x.Get(ctx, "long")
	if err != nil || wl.Spec.Size != 1<<40 {
		t.Errorf("the list cannot be read through the tier: %v, %v", wl, err)
	}
	wait := &metav1.Duration{Duration: 20 * time.Second}
	first, err := x.Claim(ctx, "long", &v1alpha1.ClaimRequest{Worker: "w", Wait: wait})
	if err != nil || len(first.Leases) != 1 || first.Leases[0].Size != 10 {
		t.Fatal(first, err)
	}
	if _, err := s.Patch(ctx, "long", map[string]any{"spec": map[string]any{"cancelled": true}}); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Complete(ctx, "long", "w", v1alpha1.Report{Token: first.Leases[0].Token}); !client.IsConflict(err) || !strings.Contains(err.Error(), "the list is over: cancelled") {
		t.Errorf("a completion after the list was cancelled: %v", err)
	}
	for {
		resp, err := x.Claim(ctx, "long", &v1alpha1.ClaimRequest{Worker: "w", Wait: wait})
		if err != nil {
			t.Fatal(err)
		}
		if resp.None == v1alpha1.NoneOver {
			break
		}
	}
}
