package client_test

import (
	"context"
	"io"
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

// The server is restarted while blocks are in work, and away until after the leases are due to be renewed. The renewals
// bring new tokens; a block that ended while they were under way is turned in under its new one, and is not done again.
func TestABlockEndsWhileItIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := worklist.Policy{Blocks: worklist.BlockPolicy{Size: 1}, Lease: 30 * time.Second}
		w, c := newWire(2, p)
		restart := time.AfterFunc(9*time.Second, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.away = time.Now().Add(5 * time.Second)
			w.ledger = worklist.Restore(*w.ledger.Record(), p, time.Now(), true)
		})
		defer restart.Stop()
		var mu sync.Mutex
		runs := map[int64]int{}
		err := c.Work(t.Context(), "list", func(ctx context.Context, b *client.Block) error {
			mu.Lock()
			runs[b.Index]++
			mu.Unlock()
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Duration(12+8*b.Index) * time.Second):
				return nil
			}
		}, client.WorkOptions{Worker: "w", Parallel: 2, Log: quiet})
		if err != nil || runs[0] != 1 || runs[1] != 1 || w.status().Done != 2 {
			t.Errorf("%v; runs %v, %+v", err, runs, w.status())
		}
	})
}

// A worker that waits for a block sleeps until there is one, also when it had blocks before. (The test's clock stands still
// while anything is busy, so it would not end.)
func TestAnIdleWorkerSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, c := newWire(2, worklist.Policy{Blocks: worklist.BlockPolicy{Size: 1}, Lease: 10 * time.Minute})
		w.ledger.Claim(time.Now(), worklist.Claim{Worker: "lost"})
		begun := time.Now()
		err := c.Work(t.Context(), "list", func(context.Context, *client.Block) error { return nil }, client.WorkOptions{Worker: "w", Log: quiet})
		if took := time.Since(begun); err != nil || w.status().Done != 2 || took < 10*time.Minute || took > 11*time.Minute {
			t.Errorf("%v after %v, %+v", err, took, w.status())
		}
	})
}

// weighed is a wire that takes calls of at most 1 MiB, as a server does.
type weighed struct {
	*wire
	t *testing.T
}

func (x weighed) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if len(body) > 1<<20 {
		x.t.Errorf("a call of %d bytes", len(body))
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	return x.wire.RoundTrip(r)
}

// No call is larger than a server takes, whatever JSON makes of the items' output.
func TestCallsAreNotTooLarge(t *testing.T) {
	for name, output := range map[string]string{"markup": "<", "control": "\x01", "broken": "\xff", "plain": "x", "quotes": `"`, "words": "wörd\u2028"} {
		synctest.Test(t, func(t *testing.T) {
			w, c := newWire(8, worklist.Policy{Blocks: worklist.BlockPolicy{Size: 8}})
			c.HTTP = &http.Client{Transport: weighed{w, t}}
			output := strings.Repeat(output, 64<<10/len(output))
			err := c.Work(t.Context(), "list", func(ctx context.Context, b *client.Block) error {
				for i := b.Index; i < b.Index+b.Size; i++ {
					b.Report(v1alpha1.Report{Done: []v1alpha1.Range{{Index: i, Size: 1}}, Results: []v1alpha1.ItemResult{{Index: i, OK: true, Output: output}}})
				}
				return nil
			}, client.WorkOptions{Worker: "w", Log: quiet})
			if err != nil || w.status().Done != 8 {
				t.Errorf("%s: %v, %+v", name, err, w.status())
			}
		})
	}
}
