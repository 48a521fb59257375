package worklist

import (
	"fmt"
	"time"
)

// Report is what a worker says of a block. Without Done, Failed and Release all that is left of the block is done.
type Report struct {
	Done    []Range
	Failed  []FailedRange
	Release bool // give back what is neither done nor failed; otherwise it stays with the worker
	Found   []Found
	Elapsed time.Duration // how long the reported items took; 0: not known, take the time since the claim
}

// whole tells whether the report is about all that is left.
func (r Report) whole() bool { return len(r.Done) == 0 && len(r.Failed) == 0 && !r.Release }

// FailedRange is a range that failed.
type FailedRange struct {
	Range  Range
	Reason string
	Final  bool // give up at once

	Attempts int // of who reports: how often it was tried under this lease; 0: once
}

// Verdict is what became of a report or a renewal.
type Verdict string

const (
	Accepted  Verdict = "accepted"  // counted, once the news is durable
	Duplicate Verdict = "duplicate" // everything in it was counted before
	Fenced    Verdict = "fenced"    // its lease ran out and the range was handed out again, or was given back
	Over      Verdict = "over"      // the list has ended
	Invalid   Verdict = "invalid"   // its ranges are not the block's
)

// Receipt answers a report.
type Receipt struct {
	Verdict Verdict
	Message string  // for people, where the verdict is not Accepted
	Done    []Range // newly counted
	Failed  []Range // newly failed
}

// Items is how many items were newly counted.
func (r Receipt) Items() int64 { return total(r.Done) }

// Report turns in a block or a part of it. It has its effect once however often it is repeated. The answer, an accepted
// one or a duplicate, has to wait until the news is durable: a duplicate's first may still be on its way to the store.
func (l *Ledger) Report(now time.Time, t Token, rep Report) Receipt {
	l.Tick(now)
	if err := within(t.Range, rep); err != nil {
		return Receipt{Verdict: Invalid, Message: err.Error()}
	}
	w := l.worker(t.Worker, now)
	var rc Receipt
	if x := l.held(t); x != nil {
		rc = l.reportHeld(now, x, rep)
	} else {
		rc = l.reportLate(now, t, rep)
	}
	if n := rc.Items(); n > 0 {
		if rep.Elapsed > 0 {
			w.pace.observe(n, rep.Elapsed)
			l.all.observe(n, rep.Elapsed)
		}
		for _, f := range rep.Found {
			if len(l.rec.Found) < MaxFound {
				if f.Worker != "" { // a tier's worker
					f.Worker = "/" + f.Worker
				}
				f.Worker = t.Worker + f.Worker
				l.rec.Found = append(l.rec.Found, f)
				l.news.Found = append(l.news.Found, f)
			}
		}
	}
	l.settle(now)
	return rc
}

// within checks that a report speaks of nothing but its block.
func within(block Range, rep Report) error {
	check := func(what string, r Range) error {
		if r.Size() == 0 || !block.Contains(r) {
			return fmt.Errorf("%s %v is not within the block %v", what, r, block)
		}
		return nil
	}
	for _, r := range rep.Done {
		if err := check("done", r); err != nil {
			return err
		}
	}
	for _, f := range rep.Failed {
		if err := check("failed", f.Range); err != nil {
			return err
		}
	}
	for _, f := range rep.Found {
		if err := check("found", Range{f.Index, f.Index + 1}); err != nil {
			return err
		}
	}
	return nil
}

// held is the lease of a token that is still out.
func (l *Ledger) held(t Token) *lease {
	if t.Epoch != l.rec.Epoch {
		return nil
	}
	x := l.leases[t.ID]
	if x == nil || x.worker.name != t.Worker {
		return nil
	}
	return x
}

func (l *Ledger) reportHeld(now time.Time, x *lease, rep Report) (rc Receipt) {
	done := rep.Done
	if rep.whole() {
		done = append([]Range(nil), x.left...)
		if rep.Elapsed == 0 {
			x.worker.pace.observe(total(done), now.Sub(x.granted))
			l.all.observe(total(done), now.Sub(x.granted))
		}
	}
	for _, r := range done {
		for _, part := range overlap(x.left, r) {
			l.markDone(now, part)
			rc.Done = append(rc.Done, part)
		}
		x.settle(r)
	}
	for _, f := range rep.Failed {
		for _, part := range overlap(x.left, f.Range) {
			l.markFailed(now, part, x.attempt, f, nobody)
			rc.Failed = append(rc.Failed, part)
		}
		x.settle(f.Range)
	}
	if rep.Release {
		if x.twin == nil {
			for _, r := range x.left {
				l.giveBack(r)
			}
		}
		x.left = nil
	}
	rc.Verdict = Accepted
	if len(rc.Done) == 0 && len(rc.Failed) == 0 && !rep.Release {
		rc.Verdict, rc.Message = Duplicate, "it was counted before"
	}
	if twin := x.twin; twin != nil && len(twin.left) == 0 {
		l.drop(twin)
	}
	if len(x.left) == 0 {
		l.drop(x)
	}
	return rc
}

// reportLate takes in a report under a lease that is not out any more. What was not handed out again still counts; where
// any of it was, the whole report is refused.
func (l *Ledger) reportLate(now time.Time, t Token, rep Report) (rc Receipt) {
	if l.rec.End.Over() {
		if l.counted(t, rep) {
			return Receipt{Verdict: Duplicate, Message: "it was counted before"}
		}
		return Receipt{Verdict: Over, Message: "the list is over: " + l.rec.End.Reason}
	}
	if t.Epoch == l.rec.Epoch && l.fenced.has(t.ID) {
		return Receipt{Verdict: Fenced, Message: "the lease ran out and its items were handed out again"}
	}
	own := l.late(t)
	done := rep.Done
	if rep.whole() {
		done = []Range{t.Range}
	}
	for _, r := range done {
		if !l.turnedIn(own, r) {
			return Receipt{Verdict: Fenced, Message: "the lease is gone: it ran out, or an earlier report ended it, and its items may be in other hands"}
		}
	}
	for _, r := range done {
		var parts []Range
		for part := range own.Within(r) {
			parts = append(parts, part)
		}
		for _, part := range parts {
			l.withdraw(part)
			own.Delete(part)
			l.markDone(now, part)
			rc.Done = append(rc.Done, part)
		}
	}
	if t.Epoch != l.rec.Epoch { // in this epoch the lease's running out was counted as its failure
		for _, f := range rep.Failed {
			var parts []Range
			for part := range own.Within(f.Range) {
				parts = append(parts, part)
			}
			for _, part := range parts {
				l.withdraw(part)
				own.Delete(part)
				l.markFailed(now, part, t.Attempt, f, nobody)
				rc.Failed = append(rc.Failed, part)
			}
		}
		if rep.Release {
			for part := range own.All() {
				l.withdraw(part)
				l.giveBack(part)
			}
		}
	}
	rc.Verdict = Accepted
	if len(rc.Done) == 0 && len(rc.Failed) == 0 {
		rc.Verdict, rc.Message = Duplicate, "it was counted before"
	}
	return rc
}

// counted tells whether everything that a report speaks of has been counted.
func (l *Ledger) counted(t Token, rep Report) bool {
	if rep.whole() {
		return l.rec.Done.Covers(t.Range)
	}
	for _, r := range rep.Done {
		if !l.rec.Done.Covers(r) {
			return false
		}
	}
	for _, f := range rep.Failed {
		if !l.rec.Failed.Covers(f.Range) {
			return false
		}
	}
	return true
}

// turnedIn tells whether every index of r is done, or one that may be turned in late.
func (l *Ledger) turnedIn(own Set, r Range) bool {
	for gap := range l.rec.Done.Gaps(r) {
		if !own.Covers(gap) {
			return false
		}
	}
	return true
}

// late is what of a token's range its holder may still turn in although the lease is not out: what is in doubt since a
// takeover, and what ran out under this very lease and was not handed out again.
func (l *Ledger) late(t Token) (own Set) {
	if t.Epoch == l.rec.Epoch {
		for part, h := range l.ready.Within(t.Range) {
			if h == holder(t.ID) {
				own.Put(part, struct{}{})
			}
		}
		for part, rest := range l.resting.Within(t.Range) {
			if rest.holder == holder(t.ID) {
				own.Put(part, struct{}{})
			}
		}
		return own
	}
	if t.Epoch < l.floor {
		return own
	}
	for part := range l.doubt.Within(t.Range) {
		own.Put(part, struct{}{})
	}
	for part, h := range l.ready.Within(t.Range) {
		if h == stranger {
			own.Put(part, struct{}{})
		}
	}
	// An attempt that is known to have failed or run out may have been followed by the next before the takeover.
	for part, try := range l.rec.Retry.Within(t.Range) {
		if t.Attempt != try.Attempts+1 {
			own.Delete(part)
		}
	}
	return own
}

// withdraw takes a range from wherever it waits.
func (l *Ledger) withdraw(r Range) {
	l.doubt.Delete(r)
	l.ready.Delete(r)
	l.resting.Delete(r)
}

// overlap are the parts of r among rs.
func overlap(rs []Range, r Range) (out []Range) {
	for _, x := range rs {
		if part := x.Intersect(r); part.Size() > 0 {
			out = append(out, part)
		}
	}
	return out
}

// Renewal answers a request to renew a lease.
type Renewal struct {
	Lease   Lease // with its new deadline, if accepted
	Verdict Verdict
	Message string
	Durable bool // the answer has to wait until the news so far is durable
}

// Renew extends a lease to its full length from now on. A lease that ran out, or that an earlier owner of the record
// granted, is renewed as well where its items were not handed out again.
func (l *Ledger) Renew(now time.Time, t Token) Renewal {
	l.Tick(now)
	w := l.worker(t.Worker, now)
	if x := l.held(t); x != nil {
		l.expiry.remove(x)
		x.deadline = now.Add(l.policy.Lease)
		l.expiry.insert(x)
		return Renewal{Lease: l.public(x), Verdict: Accepted}
	}
	if l.rec.End.Over() {
		return Renewal{Verdict: Over, Message: "the list is over: " + l.rec.End.Reason}
	}
	own := l.late(t)
	switch {
	case t.Epoch == l.rec.Epoch && l.fenced.has(t.ID), !l.turnedIn(own, t.Range):
		return Renewal{Verdict: Fenced, Message: "the lease ran out and its items were handed out again, or it was given back"}
	case own.Sum() == 0:
		return Renewal{Verdict: Duplicate, Message: "everything in the block is done"}
	}
	attempt := max(t.Attempt, l.tryAt(own.Ranges(1)[0].Start).Attempts+1)
	for part := range own.All() {
		l.withdraw(part)
	}
	return Renewal{Lease: l.public(l.grant(now, w, t.Range, own.Ranges(0), attempt)), Verdict: Accepted, Durable: l.unsure()}
}
