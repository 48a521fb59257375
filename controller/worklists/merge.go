package worklists

import (
	"fmt"
	"slices"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// merge takes into the ledger what Blocks have done whose turn is over. Until a Block says that it is, its worker may turn it
// in: also one that is being deleted, which the controller of Blocks ends first.
func (d *decision) merge() {
	for i := range d.Blocks {
		d.mergeDone(i)
	}
	for i := range d.Blocks { // after all that is done: failures may end the list
		d.mergeRest(i)
	}
}

// turn is that of Block i, as its lease has it, and how it ended. ok tells whether there is something to merge.
func (d *decision) turn(i int) (b *v1alpha1.Block, t worklist.Token, ended v1alpha1.BlockPhase, ok bool) {
	b = &d.Blocks[i]
	if !d.ledger.Holds(leaseID(i)) || b.Status.Index == nil {
		return b, t, "", false
	}
	if _, assigned := d.pending[b.UID]; assigned {
		return b, t, "", false // the lease is of its next turn
	}
	t = worklist.Token{Epoch: d.ledger.Record().Epoch, ID: leaseID(i), Range: d.parts[i], Attempt: b.Status.Attempt(), Worker: b.Spec.Worker}
	ended = b.Status.Finished()
	return b, t, ended, ended != "" || d.policy.StopAtFirstSuccess && len(b.Status.Found) > 0
}

func (d *decision) mergeDone(i int) {
	b, token, ended, ok := d.turn(i)
	if !ok {
		return
	}
	rep := d.report(b, token.Range)
	switch ended {
	case v1alpha1.BlockDone: // all but what failed
		var done worklist.Set
		done.Put(token.Range, struct{}{})
		for _, f := range rep.Failed {
			done.Delete(f.Range)
		}
		rep.Done = append(rep.Done, done.Ranges(0)...)
	case "": // what was found ends the list: nothing else is known to be done
		for _, f := range rep.Found {
			rep.Done = append(rep.Done, worklist.Range{Start: f.Index, End: f.Index + 1})
		}
	}
	if rep.Failed = nil; len(rep.Done) > 0 {
		d.turnIn(token, rep)
	}
}

func (d *decision) mergeRest(i int) {
	b, token, ended, ok := d.turn(i)
	if !ok || ended == "" {
		return
	}
	rep := worklist.Report{Failed: d.report(b, token.Range).Failed, Release: ended != v1alpha1.BlockDone && ended != v1alpha1.BlockExpired}
	if len(rep.Failed) > 0 || rep.Release {
		d.turnIn(token, rep)
	}
	if ended == v1alpha1.BlockExpired {
		d.noteFailures(d.ledger.RunOut(d.Now, leaseID(i)))
	}
}

// turnIn reports to the ledger.
func (d *decision) turnIn(t worklist.Token, rep worklist.Report) {
	d.noteFailures(d.ledger.Report(d.Now, t, rep).Failed)
}

// noteFailures says what becomes of ranges that failed.
func (d *decision) noteFailures(failed []worklist.Range) {
	rec := d.ledger.Record()
	for _, r := range failed {
		if f, ok := rec.Failed.Get(r.Start); ok {
			d.event(true, "GaveUp", "%v was given up after %s: %s", r, attempts(f.Attempts), f.Reason)
			continue
		}
		try, _ := rec.Retry.Get(r.Start)
		again := "goes out again"
		if try.Size > 0 && try.Size < r.Size() {
			again = fmt.Sprintf("goes out again in blocks of at most %d", try.Size)
		}
		d.event(true, "Failed", "%v failed at attempt %d and %s: %s", r, try.Attempts, again, try.Reason)
	}
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}

// report is what a Block says of its range. What it says of other items, which the API server does not let through from a
// worker, is not heard.
func (d *decision) report(b *v1alpha1.Block, block worklist.Range) (rep worklist.Report) {
	for _, r := range b.Status.DoneRanges {
		if x := r.Core().Intersect(block); x.Size() > 0 {
			rep.Done = append(rep.Done, x)
		}
	}
	for _, f := range b.Status.FailedRanges {
		if x := f.Range.Core().Intersect(block); x.Size() > 0 {
			rep.Failed = append(rep.Failed, worklist.FailedRange{Range: x, Reason: f.Reason, Final: f.Final, Attempts: int(f.Attempts)})
		}
	}
	known := d.ledger.Record().Found
	for _, f := range b.Status.Found {
		x := worklist.Found{Index: f.Index, Value: f.Value, Worker: f.Worker}
		same := func(y worklist.Found) bool { return y.Index == x.Index && y.Value == x.Value }
		if f.Index >= block.Start && f.Index < block.End && !slices.ContainsFunc(known, same) {
			rep.Found = append(rep.Found, x)
		}
	}
	if e := b.Status.Elapsed; e != nil {
		rep.Elapsed = e.Duration
	}
	return rep
}
