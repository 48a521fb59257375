// Package load drives a List server with many workers, as fast as it goes or at a given rate, and measures what they see.
// The workers do nothing with their blocks, so what is measured is the server, the client and what is between them.
package load

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
)

// Options of a run.
type Options struct {
	List      string // name of the list to be made
	Exists    bool   // it is there already: Items and BlockSize are what it was made with
	Items     int64
	BlockSize int64
	Workers   int
	Batch     int           // blocks turned in and taken with each call
	Rate      float64       // calls per second of all workers together; 0: as fast as it goes
	Limit     time.Duration // the run ends after that, whether the list is done or not; 0: no limit
}

// Report is what was measured.
type Report struct {
	Items     int64   `json:"items"`
	BlockSize int64   `json:"blockSize"`
	Workers   int     `json:"workers"`
	Batch     int     `json:"batch"`
	Calls     int64   `json:"calls"`
	Seconds   float64 `json:"seconds"`

	ItemsPerSecond  float64 `json:"itemsPerSecond"`
	BlocksPerSecond float64 `json:"blocksPerSecond"`
	CallsPerSecond  float64 `json:"callsPerSecond"`
	SubmitSeconds   float64 `json:"submitSeconds"`

	// A claim is a call that takes blocks and turns none in; an exchange does both, and so is a completion, too.
	ClaimP50Millis    float64 `json:"claimP50Millis"`
	ClaimP99Millis    float64 `json:"claimP99Millis"`
	CompleteP50Millis float64 `json:"completeP50Millis"`
	CompleteP99Millis float64 `json:"completeP99Millis"`
}

// Run makes a list, unless it exists, and has it worked off. It leaves the list. When ctx ends the
// report is of what there was until then.
func Run(ctx context.Context, c *client.Client, o Options) (r Report, err error) {
	r = Report{BlockSize: o.BlockSize, Workers: o.Workers, Batch: o.Batch}
	wl := &v1alpha1.Worklist{Spec: v1alpha1.WorklistSpec{Size: o.Items, Block: v1alpha1.BlockPolicy{Size: o.BlockSize}}}
	wl.APIVersion, wl.Kind, wl.Name = v1alpha1.APIVersion, v1alpha1.WorklistKind, o.List
	begun := time.Now()
	if !o.Exists {
		if _, err := c.Create(ctx, wl); err != nil {
			return r, err
		}
	}
	r.SubmitSeconds = time.Since(begun).Seconds()

	work, stop := context.WithCancel(ctx)
	defer stop()
	if o.Limit > 0 {
		work, stop = context.WithTimeout(ctx, o.Limit)
		defer stop()
	}
	var ticks <-chan struct{}
	if o.Rate > 0 {
		ticks = pace(work, o.Rate)
	}
	workers := make([]worker, o.Workers)
	var claims, exchanges latencies
	var all sync.WaitGroup
	var failure atomic.Pointer[error]
	begun = time.Now()
	for i := range workers {
		w := &workers[i]
		w.name, w.claims, w.exchanges = fmt.Sprintf("load-%d", i), &claims, &exchanges
		all.Go(func() {
			if err := w.run(work, c, o, ticks); err != nil && work.Err() == nil {
				failure.CompareAndSwap(nil, &err)
				stop()
			}
		})
	}
	all.Wait()
	r.Seconds = time.Since(begun).Seconds()
	if f := failure.Load(); f != nil {
		return r, *f
	}
	r.sum(workers, &claims, &exchanges)
	return r, ctx.Err()
}

// pace lets one of its receivers go on at a time, that often a second. Those that come late are not made up for.
func pace(ctx context.Context, rate float64) <-chan struct{} {
	ch := make(chan struct{})
	go func() {
		const every = time.Millisecond
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		due := 0.0
		for last := time.Now(); ; {
			select {
			case <-ctx.Done():
				return
			case now := <-ticker.C:
				due = min(due+rate*now.Sub(last).Seconds(), rate/10)
				last = now
			}
			for due >= 1 {
				select {
				case ch <- struct{}{}:
					due--
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return ch
}

// worker takes blocks and turns them in.
type worker struct {
	name              string
	items, blocks     int64
	claims, exchanges *latencies // of all workers
}

func (w *worker) run(ctx context.Context, c *client.Client, o Options, ticks <-chan struct{}) error {
	var held []string
	wait := &metav1.Duration{Duration: 10 * time.Second}
	for {
		if ticks != nil {
			select {
			case <-ticks:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		req := &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: w.name, Blocks: o.Batch, Request: rand.Text()}, Complete: held}
		if len(held) == 0 {
			req.Wait = wait
		}
		begun := time.Now()
		resp, err := c.Exchange(ctx, o.List, req)
		took := time.Since(begun)
		if err != nil {
			return err
		}
		if len(resp.Receipts) > 0 {
			return fmt.Errorf("a report was refused: %s: %s", resp.Receipts[0].Status, resp.Receipts[0].Message)
		}
		if len(held) > 0 {
			w.exchanges.add(took)
		} else if len(resp.Leases) > 0 {
			w.claims.add(took)
		}
		w.items += resp.Items
		w.blocks += int64(resp.Accepted)
		if resp.None == v1alpha1.NoneOver {
			return nil
		}
		held = held[:0]
		for _, l := range resp.Leases {
			held = append(held, l.Token)
		}
	}
}

func (r *Report) sum(workers []worker, claims, exchanges *latencies) {
	var blocks int64
	for _, w := range workers {
		r.Items += w.items
		blocks += w.blocks
	}
	r.Calls = claims.total() + exchanges.total()
	r.ItemsPerSecond = float64(r.Items) / r.Seconds
	r.BlocksPerSecond = float64(blocks) / r.Seconds
	r.CallsPerSecond = float64(r.Calls) / r.Seconds
	r.ClaimP50Millis, r.ClaimP99Millis = claims.percentile(50, exchanges), claims.percentile(99, exchanges) // an exchange claims, too
	r.CompleteP50Millis, r.CompleteP99Millis = exchanges.percentile(50), exchanges.percentile(99)
}
