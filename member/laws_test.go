package member

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// event is something that happens to one of the workers.
type event struct {
	After  time.Duration
	Worker int
	Kind   int
	Link   link
	Slow   time.Duration
	Times  int
}

const (
	changeLink = iota // to what Link says
	becomeSlow        // to stop: Slow
	getStuck          // Apply hangs
	recovers
	fail   // Apply fails, so many Times
	depart // ctx ends
	drain
	hire
	eventKinds
)

// Whatever becomes of the wires, and however slow and moody the programs are: no workload is run by two, nor by one that may be thought
// gone; what is acknowledged is so; and in the end everything is run again, by who is there.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		lease := rapid.SampledFrom([]time.Duration{2 * time.Second, 15 * time.Second, time.Minute}).Draw(rt, "lease")
		workers := rapid.IntRange(1, 4).Draw(rt, "workers")
		history := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) event {
			return event{
				After:  time.Duration(rapid.Int64Range(0, int64(lease)).Draw(rt, "after")),
				Worker: rapid.IntRange(0, workers-1).Draw(rt, "worker"),
				Kind:   rapid.IntRange(0, eventKinds-1).Draw(rt, "kind"),
				Link:   link(rapid.IntRange(0, int(links)-1).Draw(rt, "link")),
				Slow:   time.Duration(rapid.Int64Range(0, 2*int64(lease)).Draw(rt, "slow")),
				Times:  rapid.IntRange(1, 20).Draw(rt, "times"),
			}
		}), 0, 40).Draw(rt, "history")
		var wrong []string
		synctest.Test(t, func(t *testing.T) { wrong = live(t.Context(), lease, workers, history) })
		for _, w := range wrong {
			rt.Error(w)
		}
	})
}

// live has the history happen, and says what was wrong.
func live(ctx context.Context, lease time.Duration, workers int, history []event) []string {
	ctx, cancel := context.WithCancel(ctx)
	p := newPool(lease, "a", "b", "c", "d", "e", "f", "g")
	served := make(chan struct{})
	go func() {
		defer close(served)
		p.serve(ctx)
	}()
	begun := time.Now()
	now := func() time.Duration { return time.Since(begun) }
	crews := make([]*crew, workers)
	for i := range crews {
		crews[i] = p.hire(ctx, fmt.Sprint("w", i), now)
	}
	for _, e := range history {
		time.Sleep(e.After)
		c := crews[e.Worker]
		switch e.Kind {
		case changeLink:
			p.do(func() { p.links[c.name] = e.Link })
		case becomeSlow:
			c.do(func() { c.slow = e.Slow })
		case getStuck:
			c.do(func() {
				if c.stuck == nil {
					c.stuck = make(chan struct{})
				}
			})
		case recovers:
			c.do(c.release)
		case fail:
			c.do(func() { c.fails = e.Times })
		case depart:
			c.cancel()
		case drain:
			c.drain()
		case hire:
			select {
			case <-c.result:
				crews[e.Worker] = p.hire(ctx, c.name, now)
			default:
			}
		}
	}
	p.do(func() { clear(p.links) })
	for i, c := range crews {
		c.do(func() {
			c.fails, c.slow = 0, 0
			c.release()
		})
		c.cancel()
		if err := <-c.result; err != nil && !errors.Is(err, context.Canceled) {
			p.note("%s ends with %v", c.name, err)
		}
		if runs := c.running(); len(runs) > 0 {
			p.note("%s has ended and runs %v", c.name, runs)
		}
		crews[i] = p.hire(ctx, c.name, now)
	}
	time.Sleep(3*lease + 3*latest)
	var all []string
	for _, c := range crews {
		all = append(all, c.running()...)
	}
	slices.Sort(all)
	p.mu.Lock()
	if !slices.Equal(all, []string{"a", "b", "c", "d", "e", "f", "g"}) {
		p.note("in the end %v are run", all)
	}
	for _, part := range p.record.Parts {
		if part.Acknowledged != part.Version {
			p.note("in the end %s has acknowledged version %d of %d", part.Worker, part.Acknowledged, part.Version)
		}
	}
	p.mu.Unlock()
	cancel()
	for _, c := range crews {
		<-c.result
	}
	<-served
	return p.wrong
}
