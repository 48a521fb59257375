package gateway_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/worklist"
)

// crew are workers that keep books of what they were told: they find out whether anything that was acknowledged is lost, or
// counted twice.
type crew struct {
	*testing.T
	list  string
	batch int // blocks of a call

	mu        sync.Mutex
	acked     worklist.Set // its worker was told that it counts
	unsure    worklist.Set // it was turned in, and the answer was lost
	again     int          // blocks that were out before, and turned in
	unhandled int          // calls that had no answer
}

// work works until the list is over, or ctx ends.
func (c *crew) work(ctx context.Context, at *client.Client, name string) {
	var held []v1alpha1.Lease
	for ctx.Err() == nil {
		req := &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: name, Blocks: c.batch, Request: rand.Text(), Wait: &metav1.Duration{Duration: 5 * time.Second}}}
		for _, x := range held {
			req.Complete = append(req.Complete, x.Token)
		}
		before := c.known()
		resp, err := at.Exchange(ctx, c.list, req)
		if err != nil {
			c.lost(ctx, err, held)
			held = nil
			continue
		}
		c.note(held, resp)
		held = resp.Leases
		for _, x := range held {
			r := rangeOf(x)
			if before.Covers(r) {
				c.Errorf("%s was given %v, which was acknowledged before it asked", name, r)
			}
			c.out(r)
		}
		if resp.None == v1alpha1.NoneOver {
			return
		}
	}
}

// hold takes a block, and leaves it at that.
func (c *crew) hold(at *client.Client) {
	c.Helper()
	resp, err := at.Exchange(c.Context(), c.list, &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{
		Worker: "idler", Blocks: 1, Request: rand.Text(), Wait: &metav1.Duration{Duration: patience}}})
	if err != nil || len(resp.Leases) == 0 {
		c.Fatalf("no block is to be had: %+v, %v", resp, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range resp.Leases {
		c.unsure.Put(rangeOf(x), struct{}{})
	}
}

func rangeOf(x v1alpha1.Lease) worklist.Range {
	return v1alpha1.Range{Index: x.Index, Size: x.Size}.Core()
}

// out counts blocks that were turned in before, in vain or not: nobody knows.
func (c *crew) out(r worklist.Range) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range c.unsure.Within(r) {
		c.again++
		return
	}
}

// known is what is acknowledged now.
func (c *crew) known() *worklist.Set {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.acked.Clone()
	return &out
}

// lost takes in that a call was not answered, or that it was refused: it may have had its effect all the same.
func (c *crew) lost(ctx context.Context, err error, held []v1alpha1.Lease) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := (*client.Problem)(nil); ctx.Err() == nil && !client.IsNotFound(err) {
		p, _ = err.(*client.Problem)
		if p != nil && p.Status != 503 {
			c.Errorf("a worker would have ended: %v", err)
		}
	}
	c.unhandled++
	for _, x := range held {
		c.unsure.Put(rangeOf(x), struct{}{})
	}
}

// note takes in what a call was told of what it turned in.
func (c *crew) note(held []v1alpha1.Lease, resp *v1alpha1.ExchangeResponse) {
	refused := map[int]v1alpha1.ReportStatus{}
	for _, rc := range resp.Receipts {
		refused[rc.I] = rc.Status
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, x := range held {
		r := rangeOf(x)
		if refused[i] != "" { // a call that was repeated may have counted the first time
			c.unsure.Put(r, struct{}{})
			continue
		}
		for range c.acked.Within(r) {
			c.Errorf("%v was acknowledged before", r)
			break
		}
		c.acked.Put(r, struct{}{})
	}
}

// audit compares the books with a list that is over.
func (c *crew) audit(wl *v1alpha1.Worklist) {
	c.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	st := &wl.Status
	if st.Phase() != v1alpha1.PhaseComplete || st.Done != st.Size || st.Failed != 0 {
		c.Errorf("the list is %s: %s; %d of %d items are done, %d failed", st.Phase(), st.Reason(), st.Done, st.Size, st.Failed)
	}
	for gap := range c.acked.Gaps(worklist.Range{End: st.Size}) {
		if !c.unsure.Covers(gap) {
			c.Errorf("%v counts as done, and nobody has said that it is", gap)
		}
	}
	c.Logf("%d items were acknowledged; %d blocks were out again, %d calls had no answer", c.acked.Sum(), c.again, c.unhandled)
}

// start has so many workers work, each at the next of the gateways, until the list is over. It returns a function that waits for
// that.
func (c *crew) start(workers int, at ...*client.Client) (wait func()) {
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() { c.work(ctx, at[i%len(at)], fmt.Sprintf("worker-%d", i)) })
	}
	return func() {
		c.Helper()
		defer cancel()
		all.Wait()
		if ctx.Err() != nil {
			c.Errorf("the list does not get done in %s", patience)
		}
	}
}
