package client

import (
	"context"
	"errors"
	"strings"
	"sync"
	"unicode/utf8"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// ErrRelease, returned by a function of [Client.Work], gives back what it has not reported: nobody's fault.
var ErrRelease = errors.New("release the rest of the block")

// ErrLost is the cause of a block's context ending because the block is not the worker's any more.
var ErrLost = errors.New("the block is not this worker's any more")

// Block is a block in work: the items Index to Index+Size-1. Its methods may be called from several goroutines.
type Block struct {
	v1alpha1.Lease
	Worklist string
	Slot     int // 1 to WorkOptions.Parallel: which of the worker's hands has it

	cancel context.CancelCauseFunc
	lost   bool              // its reports would be refused; belongs to the worker's goroutine
	final  []v1alpha1.Report // set before the block is finished

	mu      sync.Mutex
	token   string            // the newest; Lease.Token is the first
	told    worklist.Set      // what of the block has been reported, sent or not
	pending v1alpha1.Report   // gathers
	weight  int               // of pending, about as many bytes as it takes
	full    []v1alpha1.Report // not sent yet either; each of a size that one call takes
	nudge   chan<- struct{}   // tells the worker that there is a lot to send
}

// reportWeight is how large a report may grow, in bytes or so: a call takes 1 MiB.
const reportWeight = 128 << 10

// Done reports items of the block done, ahead of its end: they stay done should the worker be lost.
func (b *Block) Done(index, size int64) {
	b.Report(v1alpha1.Report{Done: []v1alpha1.Range{{Index: index, Size: size}}})
}

// Fail reports that an item failed.
func (b *Block) Fail(index int64, reason string) {
	b.Report(v1alpha1.Report{Failed: []v1alpha1.FailedItems{{Range: v1alpha1.Range{Index: index, Size: 1}, Reason: reason}}})
}

// Found reports a value found in an item.
func (b *Block) Found(index int64, value string) {
	b.Report(v1alpha1.Report{Found: []v1alpha1.Found{{Index: index, Value: value}}})
}

// Report adds to what is said of the block. It is sent with the next heartbeat, or at the block's end.
func (b *Block) Report(r v1alpha1.Report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := &b.pending
	for _, d := range r.Done {
		b.told.Put(worklist.Range{Start: d.Index, End: d.Index + d.Size}, struct{}{})
		if n := len(p.Done); n > 0 && p.Done[n-1].Index+p.Done[n-1].Size == d.Index {
			p.Done[n-1].Size += d.Size
		} else {
			p.Done = append(p.Done, d)
		}
	}
	for _, f := range r.Failed {
		b.told.Put(worklist.Range{Start: f.Index, End: f.Index + f.Size}, struct{}{})
	}
	p.Failed = append(p.Failed, r.Failed...)
	p.Found = append(p.Found, r.Found...)
	p.Results = append(p.Results, r.Results...)
	p.ElapsedSeconds += r.ElapsedSeconds
	if b.weight += weigh(&r); b.weight > reportWeight && len(p.Done)+len(p.Failed) > 0 {
		b.seal()
		select {
		case b.nudge <- struct{}{}:
		default:
		}
	}
}

// weigh is about how many bytes a report takes.
func weigh(r *v1alpha1.Report) int {
	n := 100 + 20*len(r.Done) + 60*len(r.Failed) + 60*len(r.Found) + 120*len(r.Results)
	for _, f := range r.Failed {
		n += quoted(f.Reason)
	}
	for _, f := range r.Found {
		n += quoted(f.Value)
	}
	for _, x := range r.Results {
		n += quoted(x.Reason) + quoted(x.Output)
	}
	return n
}

// quoted is at most how many bytes a string takes as encoding/json writes it: it escapes markup, too.
func quoted(s string) (n int) {
	for _, r := range s {
		switch {
		case r < ' ', r == '<', r == '>', r == '&', r == utf8.RuneError, r == '\u2028', r == '\u2029':
			n += 6
		case r == '"', r == '\\':
			n += 2
		default:
			n += utf8.RuneLen(r)
		}
	}
	return n
}

// seal makes what has gathered a report of its own.
func (b *Block) seal() {
	b.full = append(b.full, b.pending)
	b.pending, b.weight = v1alpha1.Report{}, 0
}

func (b *Block) current() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.token
}

// renewed takes in a new token.
func (b *Block) renewed(token string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.token = token
}

// news are the reports to send while the block is in work. Found values wait for the items they were found in.
func (b *Block) news() []v1alpha1.Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.pending.Done)+len(b.pending.Failed) > 0 {
		b.seal()
	}
	return b.take()
}

func (b *Block) take() []v1alpha1.Report {
	out := b.full
	b.full = nil
	return out
}

// last are the final reports: the rest is done, failed or given back as err says.
func (b *Block) last(err error, elapsed float64) []v1alpha1.Report {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := &b.pending
	if r.ElapsedSeconds == 0 {
		r.ElapsedSeconds = elapsed
	}
	for gap := range b.told.Gaps(worklist.Range{Start: b.Index, End: b.Index + b.Size}) {
		rest := v1alpha1.Range{Index: gap.Start, Size: gap.Size()}
		switch {
		case err == nil:
			r.Done = append(r.Done, rest)
		case errors.Is(err, ErrRelease):
			r.Release = true
		default:
			r.Failed = append(r.Failed, v1alpha1.FailedItems{Range: rest, Reason: short(err.Error())})
		}
	}
	if len(r.Done)+len(r.Failed) > 0 || r.Release {
		b.seal()
	}
	return b.take()
}

// short cuts a reason to what the server takes.
func short(s string) string { return strings.ToValidUTF8(s[:min(len(s), 1000)], "") }
