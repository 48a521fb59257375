package worklist

import (
	"container/heap"
	"fmt"
	"time"
)

// Tick lets time pass: leases run out, rests and doubts end, the deadline strikes. Claim, Report, Renew, Retry, SetPolicy, Admit, Expel and Spare begin with it; the
// engine calls it when [Ledger.Wake] says.
func (l *Ledger) Tick(now time.Time) {
	for x := l.expiry.head; x != nil && !x.deadline.After(now); x = l.expiry.head {
		l.expire(now, x)
	}
	for len(l.wakes) > 0 && !l.wakes[0].at.After(now) {
		w := heap.Pop(&l.wakes).(wake)
		l.wakeUp(now, w.r)
	}
	if l.doubt.Len() > 0 && !l.doubtUntil.After(now) {
		for _, r := range l.doubt.Ranges(0) {
			l.ready.Put(r, stranger)
		}
		l.doubt = Set{}
		l.rec.Floor, l.news.Floor = l.rec.Epoch, l.rec.Epoch
	}
	l.forget(now)
	l.settle(now)
}

// forget drops workers that hold nothing and have not been heard of for a while.
func (l *Ledger) forget(now time.Time) {
	const after = 10 * time.Minute
	if now.Sub(l.swept) < after {
		return
	}
	l.swept = now
	for name, w := range l.workers {
		if w.held == 0 && now.Sub(w.seen) >= after {
			delete(l.workers, name)
		}
	}
}

// Wake is when Tick has something to do next; zero if never.
func (l *Ledger) Wake() time.Time {
	if l.rec.End.Over() {
		return time.Time{}
	}
	at := l.policy.Deadline
	sooner := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	if l.expiry.head != nil {
		sooner(l.expiry.head.deadline)
	}
	sooner(l.wakes.next())
	if l.doubt.Len() > 0 {
		sooner(l.doubtUntil)
	}
	return at
}

// expire takes back a block whose lease has run out. Its holder may turn it in until it is handed out again.
func (l *Ledger) expire(now time.Time, x *lease) (failed []Range) {
	alone := x.twin == nil
	left := x.left
	l.drop(x)
	if !alone {
		return nil // the other holder carries on
	}
	f := FailedRange{Reason: fmt.Sprintf("lease of worker %s ran out", x.worker.name)}
	for _, r := range left {
		l.markFailed(now, r, x.attempt, f, holder(x.id))
	}
	return left
}

// wakeUp makes ready what of r has rested long enough. Parts of r may have left meanwhile, or rest anew.
func (l *Ledger) wakeUp(now time.Time, r Range) {
	type part struct {
		Range
		holder
	}
	var due []part
	for p, rest := range l.resting.Within(r) {
		if rest.until <= now.UnixNano() {
			due = append(due, part{p, rest.holder})
		}
	}
	for _, p := range due {
		l.resting.Delete(p.Range)
		l.ready.Put(p.Range, p.holder)
	}
}

// settle ends the list when there is a reason to.
func (l *Ledger) settle(now time.Time) {
	if l.rec.End.Over() || l.tier {
		return
	}
	failed := l.rec.Failed.Sum()
	tooMany, bound := l.policy.Tolerance.exceeded(failed, l.rec.Size)
	switch {
	case l.policy.StopAtFirstSuccess && len(l.rec.Found) > 0:
		l.end(now, Complete, fmt.Sprintf("stopped at the first success: %q in item %d", l.rec.Found[0].Value, l.rec.Found[0].Index))
	case tooMany:
		l.end(now, Failed, fmt.Sprintf("%s failed, %d tolerated", number(failed, "item", "items"), bound))
	case l.rec.Done.Sum() == l.rec.Size:
		l.end(now, Complete, "all items are done")
	case l.rec.Done.Sum()+failed == l.rec.Size:
		l.end(now, Complete, fmt.Sprintf("%d done, %d failed", l.rec.Done.Sum(), failed))
	case l.policy.Cancelled:
		l.end(now, Cancelled, "cancelled")
	case !l.policy.Deadline.IsZero() && !l.policy.Deadline.After(now):
		l.end(now, Failed, fmt.Sprintf("its deadline passed at %s", l.policy.Deadline.UTC().Format(time.RFC3339)))
	}
}

// end closes the list. What is out goes back, so that the list can be reopened; its holders are refused.
func (l *Ledger) end(now time.Time, p Phase, reason string) {
	for x := l.expiry.head; x != nil; x = l.expiry.head {
		if x.twin == nil {
			for _, r := range x.left {
				l.ready.Put(r, nobody)
			}
		}
		l.drop(x)
	}
	end := Outcome{Phase: p, Reason: reason, At: now.UTC().Truncate(time.Millisecond)}
	l.rec.End, l.news.End = end, &end
}

// wake says when a range has rested.
type wake struct {
	at time.Time
	r  Range
}

// wakeHeap is a min-heap of wakes.
type wakeHeap []wake

func (h wakeHeap) Len() int           { return len(h) }
func (h wakeHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h wakeHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *wakeHeap) Push(x any)        { *h = append(*h, x.(wake)) }
func (h *wakeHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

func (h wakeHeap) next() time.Time {
	if len(h) == 0 {
		return time.Time{}
	}
	return h[0].at
}
