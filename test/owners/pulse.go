package owners

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// rest is what is between two beats of a pulse.
const rest = 10 * time.Millisecond

// Pulse tells whether this process is given its time by the machine.
type Pulse struct {
	mu   sync.Mutex
	gaps []gap // in order, those that were longer than two beats
	last time.Time
}

// gap is between two beats.
type gap struct{ from, to time.Time }

// StartPulse is a pulse that beats until the test has ended.
func StartPulse(t testing.TB) *Pulse {
	p := &Pulse{}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.beat(ctx)
	}()
	t.Cleanup(func() { stop(); <-ended })
	return p
}

// beat beats until ctx ends.
func (p *Pulse) beat(ctx context.Context) {
	tick := time.NewTicker(rest)
	defer tick.Stop()
	for last := time.Now(); ctx.Err() == nil; {
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
		now := time.Now()
		p.mu.Lock()
		if now.Sub(last) > 2*rest {
			p.gaps = append(p.gaps, gap{last, now})
		}
		p.last = now
		p.mu.Unlock()
		last = now
	}
}

// Excuses tells whether a worker may not have done in a span of time what it had to, by no fault of its own.
func (p *Pulse) Excuses(from, to time.Time, lease time.Duration) bool {
	return p.stalled(from, to) > lease/20
}

// stalled is for how long the process was not run in a span of time.
func (p *Pulse) stalled(from, to time.Time) (sum time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gaps := p.gaps
	if !p.last.IsZero() && time.Since(p.last) > 2*rest {
		gaps = append(slices.Clip(gaps), gap{p.last, time.Now()}) // it is not over yet
	}
	for _, g := range slices.Backward(gaps) {
		if g.to.Before(from) {
			break
		}
		if g.from.Before(to) {
			sum += g.to.Sub(g.from) - rest
		}
	}
	return sum
}
