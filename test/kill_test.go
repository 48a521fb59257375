package test

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/worklist"
)

// acknowledged is what workers were told is counted.
type acknowledged struct {
	mu    sync.Mutex
	items worklist.Set
	twice []worklist.Range // acknowledged as newly counted more than once
}

func (a *acknowledged) add(r worklist.Range) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for x := range a.items.Within(r) {
		a.twice = append(a.twice, x)
	}
	a.items.Put(r, struct{}{})
}

// hammer takes blocks and turns them in as fast as it can, through kills of the server, and repeats every call whose
// answer was lost.
func hammer(ctx context.Context, c *client.Client, list, worker string, ack *acknowledged) error {
	var held []v1alpha1.Lease
	for ctx.Err() == nil {
		req := &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: worker, Blocks: 1 + mathrand.IntN(8), Request: rand.Text()}}
		for _, l := range held {
			req.Complete = append(req.Complete, l.Token)
		}
		resp, err := c.Exchange(ctx, list, req)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		refused := map[int]bool{}
		for _, rc := range resp.Receipts {
			refused[rc.I] = true
		}
		for i, l := range held {
			if !refused[i] {
				ack.add(worklist.Range{Start: l.Index, End: l.Index + l.Size})
			}
		}
		held = resp.Leases
	}
	return nil
}

// crew are workers that hammer the list "long", until they are dismissed.
type crew struct {
	ack  acknowledged
	stop context.CancelFunc
	all  sync.WaitGroup
	errs chan error
}

// hire sets workers to work, each with the client it is given.
func hire(t *testing.T, n int, prefix string, at func(i int) *client.Client) *crew {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	c := &crew{stop: stop, errs: make(chan error, n)}
	for i := range n {
		c.all.Go(func() {
			if err := hammer(ctx, at(i), "long", fmt.Sprintf("%s%d", prefix, i), &c.ack); err != nil {
				c.errs <- err
			}
		})
	}
	return c
}

// getOn waits until so many more items are acknowledged, or somebody has an error.
func (c *crew) getOn(t *testing.T, what string, more int64) {
	t.Helper()
	sum := func() int64 {
		c.ack.mu.Lock()
		defer c.ack.mu.Unlock()
		return c.ack.items.Sum()
	}
	least := sum() + more
	eventually(t, what, func() bool { return sum() >= least || len(c.errs) > 0 })
}

// dismiss ends the work, and checks that nobody had an error, nothing acknowledged is lost, and nothing is counted twice.
func (c *crew) dismiss(t *testing.T, s *site) {
	t.Helper()
	c.stop()
	c.all.Wait()
	close(c.errs)
	for err := range c.errs {
		t.Error(err)
	}
	s.covered(t, &c.ack)
	if len(c.ack.twice) > 0 {
		t.Errorf("counted twice: %v", c.ack.twice)
	}
	s.rowsOnce(t, "long")
}

// The server is killed again and again under load. No acknowledged completion is lost, and no item is counted twice.
func TestKillingTheServer(t *testing.T) {
	t.Parallel()
	const kills = 200
	s := newSite(t)
	limit := resource.MustParse("1Gi")
	s.create("long", v1alpha1.WorklistSpec{Size: 1 << 50, Block: v1alpha1.BlockPolicy{Size: 10, Timeout: seconds(2)},
		Results: v1alpha1.ResultsPolicy{Limit: &limit}})

	workers := hire(t, 8, "w", func(int) *client.Client { return s.Client })
	for range kills {
		// A different moment each time, but never before the workers got on.
		workers.getOn(t, "workers go on after a restart", 1)
		pause := time.NewTimer(mathrand.N(60 * time.Millisecond))
		<-pause.C
		s.kill()
		s.start()
		s.covered(t, &workers.ack)
	}
	workers.dismiss(t, s)
	t.Logf("%d kills, %d items acknowledged", kills, workers.ack.items.Sum())
}

// covered checks that what is acknowledged is in the durable record.
func (s *site) covered(t *testing.T, ack *acknowledged) {
	t.Helper()
	ack.mu.Lock()
	items := ack.items.Clone()
	ack.mu.Unlock()
	cert, err := s.Certificate(t.Context(), "long")
	if err != nil {
		t.Fatal(err)
	}
	var done worklist.Set
	for _, r := range cert.Done {
		done.Put(worklist.Range{Start: r.Index, End: r.Index + r.Size}, struct{}{})
	}
	for r := range items.All() {
		if !done.Covers(r) {
			t.Fatalf("%v was acknowledged and is lost", r)
		}
	}
}

// rowsOnce checks that there is exactly one row of results for each item that is done. A tier may hand in a few more while they are read:
// then they are read again.
func (s *site) rowsOnce(t *testing.T, list string) {
	t.Helper()
	for before := s.status(list).Done; ; {
		var rows worklist.Set
		for r, err := range s.Results(t.Context(), list, client.ResultsFilter{}) {
			if err != nil {
				t.Fatal(err)
			}
			at := worklist.Range{Start: r.Index, End: r.Index + r.Size}
			for x := range rows.Within(at) {
				t.Fatalf("%v has two rows of results", x)
			}
			rows.Put(at, struct{}{})
		}
		done := s.status(list).Done
		if rows.Sum() == done {
			return
		}
		if done == before {
			t.Fatalf("%d items are done, %d have rows", done, rows.Sum())
		}
		before = done
	}
}

// A worker is stopped past its deadline and goes on after its block was done by another: its late completion is refused,
// and nothing is counted twice.
func TestAStoppedWorkerIsFenced(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.create("few", v1alpha1.WorklistSpec{Size: 3, Block: v1alpha1.BlockPolicy{Size: 3, Timeout: seconds(1),
		Backoff: v1alpha1.BackoffPolicy{Initial: seconds(0.001)}}})
	ctx := t.Context()

	slow, err := s.Claim(ctx, "few", &v1alpha1.ClaimRequest{Worker: "slow"})
	if err != nil || len(slow.Leases) != 1 {
		t.Fatal(slow, err)
	}
	// Stopped: it does nothing until its lease has run out and another has the block.
	again, err := s.Claim(ctx, "few", &v1alpha1.ClaimRequest{Worker: "quick", Wait: &metav1.Duration{Duration: 20 * time.Second}})
	if err != nil || len(again.Leases) != 1 || again.Leases[0].Attempt != 2 {
		t.Fatal(again, err)
	}
	late := v1alpha1.Report{Token: slow.Leases[0].Token}
	if _, err := s.Complete(ctx, "few", "slow", late); !client.IsConflict(err) {
		t.Errorf("while another has the block: %v", err)
	}
	if rc, err := s.Complete(ctx, "few", "quick", v1alpha1.Report{Token: again.Leases[0].Token}); err != nil || rc.Items != 3 {
		t.Fatal(rc, err)
	}
	rc, err := s.Complete(ctx, "few", "slow", late)
	if err == nil && rc.Items != 0 {
		t.Errorf("after another has done the block: %+v", rc)
	}
	s.rowsOnce(t, "few")
}
