package worklist

import "time"

// NewTier is the ledger of a tier: of the list's items it hands out those that it was given by its upstream with
// [Ledger.Admit]; all others are elsewhere. Nothing of it need be stored: what it counts is to be turned in upstream before
// it is answered, and its leases die with it. So each such ledger needs an epoch of its own.
func NewTier(size int64, epoch uint64, p Policy) *Ledger {
	l := open(Record{Size: size, Next: size, Epoch: epoch, Floor: epoch}, p)
	l.elsewhere.Put(Range{0, size}, struct{}{})
	l.noteLease()
	l.news = Delta{}
	l.tier = true
	return l
}

// Admit takes in a range that the upstream has handed to this tier. The upstream knows best: what this ledger held of it
// before is void, as with [Ledger.Expel].
func (l *Ledger) Admit(now time.Time, r Range) Void {
	v := l.Expel(now, r)
	l.elsewhere.Delete(r)
	l.ready.Put(r, nobody)
	return v
}

// Void is what a tier has lost: all that leases up to Lease had in Range. Receipts for it that are not given yet must not
// be given: see [Void.Hits].
type Void struct {
	Range Range
	Lease uint64
}

// Hits tells whether a report under the lease of t, if it came before the loss, may have counted what is lost.
func (v Void) Hits(t Token) bool { return t.ID <= v.Lease && t.Range.Intersect(v.Range).Size() > 0 }

// Expel forgets a range that is not this tier's any more: the upstream gave it to another, or it was given back. Whoever
// holds a part of it is refused from now on.
func (l *Ledger) Expel(now time.Time, r Range) Void {
	l.Tick(now)
	for _, x := range l.holders(r) {
		l.fenced.add(x.id)
		x.settle(r)
		if len(x.left) == 0 {
			l.drop(x)
		}
	}
	l.withdraw(r)
	l.rec.Done.Delete(r)
	l.rec.Failed.Delete(r)
	l.rec.Retry.Delete(r)
	l.news.Done.Delete(r)
	l.news.Failed.Delete(r)
	l.news.Retry.Delete(r)
	l.elsewhere.Put(r, struct{}{})
	return Void{r, l.lastID}
}

// holders are the leases with something left in r.
func (l *Ledger) holders(r Range) (out []*lease) {
	for x := l.expiry.head; x != nil; x = x.next {
		if len(overlap(x.left, r)) > 0 {
			out = append(out, x)
		}
	}
	return out
}

// Spare takes back what no worker of this tier has in hand, so that it can be given back upstream.
func (l *Ledger) Spare(now time.Time) []Range {
	l.Tick(now)
	spare := l.ready.Ranges(0)
	for _, r := range spare {
		l.Expel(now, r)
	}
	return spare
}

// Stock is how many items a tier could hand out now.
func (l *Ledger) Stock() int64 { return l.ready.Sum() }

// Upstream tells a tier how things stand there: how many items the upstream has not handed out, and why this tier gets
// none of them, in words, if it is so. While there are plenty, blocks do not shrink towards the end of what is at hand.
func (l *Ledger) Upstream(free int64, why string) { l.free, l.starved = free, why }

// Conclude ends a tier's list because it ended upstream. It ends in no other way: what was turned in may yet be refused.
func (l *Ledger) Conclude(now time.Time, o Outcome) {
	if !l.rec.End.Over() {
		l.end(now, o.Phase, o.Reason)
	}
}
