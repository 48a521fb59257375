package kube

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// What a Block's status holds at most, by its schema; reasons are cut, as the object has to fit into etcd.
const (
	mostDone   = 4096
	mostFailed = 1024
	mostFound  = 100
	longReason = 256 // bytes

	longElapsed = 100 * 365 * 24 * time.Hour
)

// turn is a range that a Block was given, in the tier's hands, and what the tier says of it: the part of the Block's status that
// is the worker's while the turn lasts. It belongs to who turns in, but for lost and renewed, which belong to the upstream's lock.
type turn struct {
	number  int64
	attempt int
	since   time.Time // when the tier got it
	whole   worklist.Range

	done    worklist.Set
	failed  worklist.Map[failure]
	found   []v1alpha1.Found
	elapsed time.Duration
	end     v1alpha1.BlockPhase // how it ended; "" while it goes on
	dirty   bool                // not all of this is written

	lost    string    // why it is the tier's no more; "": it is
	renewed time.Time // when renewTime was last written
}

type failure struct {
	reason   string
	final    bool
	attempts int32
}

// left tells how many items are neither done nor failed.
func (t *turn) left() int64 { return t.whole.Size() - t.done.Sum() - t.failed.Sum() }

// report takes in what a tier says. As with a ledger, everything has its effect once.
func (t *turn) report(r *v1alpha1.Report) v1alpha1.Receipt {
	if t.end != "" {
		return t.late(r)
	}
	if err := t.check(r); err != nil {
		return v1alpha1.Receipt{Status: v1alpha1.ReportInvalid, Message: err.Error()}
	}
	items, news, fits := int64(0), r.Release, true
	done := r.Done
	if len(r.Done)+len(r.Failed) == 0 && !r.Release {
		done = []v1alpha1.Range{v1alpha1.RangeOf(t.whole)}
	}
	for _, d := range done {
		for _, part := range t.open(d) {
			if fits = fits && t.done.Len() < mostDone; fits {
				t.done.Put(part, struct{}{})
				items += part.Size()
			}
		}
	}
	for _, f := range r.Failed {
		for _, part := range t.open(f.Range) {
			if fits = fits && t.failed.Len() < mostFailed; fits {
				t.failed.Put(part, failure{v1alpha1.Cut(f.Reason, longReason), f.Final, f.Attempts})
				news = true
			}
		}
	}
	if items > 0 {
		t.find(r.Found)
	}
	t.elapsed = min(t.elapsed+time.Duration(min(r.ElapsedSeconds, longElapsed.Seconds())*float64(time.Second)), longElapsed)
	switch {
	case t.left() == 0:
		t.end = v1alpha1.BlockDone
	case !fits:
		t.end = v1alpha1.BlockReleased // what is there is kept, and somebody else goes on with the rest
		return v1alpha1.Receipt{Status: v1alpha1.ReportFenced, Items: items,
			Message: "what is done and failed is in more pieces than a Block's status holds; the rest of the block goes out again"}
	case r.Release:
		t.end = v1alpha1.BlockReleased
	}
	if items == 0 && !news {
		return v1alpha1.Receipt{Status: v1alpha1.ReportDuplicate, Message: "it was counted before"}
	}
	return v1alpha1.Receipt{Status: v1alpha1.ReportAccepted, Items: items}
}

// late answers a report that comes after the end.
func (t *turn) late(r *v1alpha1.Report) v1alpha1.Receipt {
	if covered(r, t.whole, &t.done, &t.failed) {
		return v1alpha1.Receipt{Status: v1alpha1.ReportDuplicate, Message: "it was counted before"}
	}
	return v1alpha1.Receipt{Status: v1alpha1.ReportFenced, Message: "the block was turned in, or given back, before"}
}

// covered tells whether all that a report says is known.
func covered[F comparable](r *v1alpha1.Report, whole worklist.Range, done *worklist.Set, failed *worklist.Map[F]) bool {
	if len(r.Done)+len(r.Failed) == 0 && !r.Release {
		return done.Covers(whole)
	}
	for _, d := range r.Done {
		if !done.Covers(d.Core()) {
			return false
		}
	}
	for _, f := range r.Failed {
		if !failed.Covers(f.Range.Core()) {
			return false
		}
	}
	return true
}

// open are the parts of a range that nothing was said of yet.
func (t *turn) open(r v1alpha1.Range) (out []worklist.Range) {
	for part := range t.done.Gaps(r.Core()) {
		out = slices.AppendSeq(out, t.failed.Gaps(part))
	}
	return out
}

// check refuses what is not within the block.
func (t *turn) check(r *v1alpha1.Report) error {
	inside := func(what string, x v1alpha1.Range) error {
		if x.Size <= 0 || !t.whole.Contains(x.Core()) {
			return fmt.Errorf("%s: %v is not within the block %v", what, x.Core(), t.whole)
		}
		return nil
	}
	for _, d := range r.Done {
		if err := inside("done", d); err != nil {
			return err
		}
	}
	for _, f := range r.Failed {
		if err := inside("failed", f.Range); err != nil {
			return err
		}
	}
	for _, f := range r.Found {
		if err := inside("found", v1alpha1.Range{Index: f.Index, Size: 1}); err != nil {
			return err
		}
	}
	return nil
}

func (t *turn) find(found []v1alpha1.Found) {
	for _, f := range found {
		if len(t.found) < mostFound && !slices.Contains(t.found, f) {
			t.found = append(t.found, f)
		}
	}
}

// write puts what is said into a status.
func (t *turn) write(s *v1alpha1.BlockStatus, worker string, now time.Time) {
	s.RenewTime = &metav1.MicroTime{Time: now}
	s.Done, s.DoneRanges, s.FailedRanges, s.Found, s.Elapsed = t.done.Sum(), nil, nil, nil, nil
	for r := range t.done.All() {
		s.DoneRanges = append(s.DoneRanges, v1alpha1.RangeOf(r))
	}
	for r, f := range t.failed.All() {
		s.FailedRanges = append(s.FailedRanges, v1alpha1.FailedItems{Range: v1alpha1.RangeOf(r), Reason: f.reason, Final: f.final, Attempts: f.attempts})
	}
	for _, f := range t.found {
		if f.Worker == worker { // the Block says it
			f.Worker = ""
		}
		s.Found = append(s.Found, f)
	}
	if s.Done > 0 {
		s.Elapsed = &metav1.Duration{Duration: cmp.Or(t.elapsed, now.Sub(t.since)).Round(time.Millisecond)}
	}
	if t.end != "" {
		s.SetPhase(t.end, t.says(), metav1.NewTime(now))
	}
}

// over tells why the turn is over, by that version of its Block; "" while it goes on.
func (t *turn) over(b *v1alpha1.Block) string {
	s := &b.Status
	switch {
	case s.Turn != t.number || s.Index == nil:
		return fmt.Sprintf("Block %s has gone on without it: its turn %d is over", b.Name, t.number)
	case s.Finished() == v1alpha1.BlockExpired:
		return fmt.Sprintf("the lease of Block %s ran out, and what was not done goes out again", b.Name)
	case s.Finished() != "":
		return fmt.Sprintf("Block %s is finished: %s", b.Name, s.Reason())
	case b.DeletionTimestamp != nil:
		return fmt.Sprintf("Block %s was deleted, and what was not done goes out again", b.Name)
	}
	return ""
}

// landed tells whether that version of its Block has the turn's end as it is said here: nobody else writes such an end.
func (t *turn) landed(b *v1alpha1.Block) bool {
	return t.end != "" && b.Status.Turn == t.number && b.Status.Finished() == t.end && b.Status.Done == t.done.Sum()
}

// merged tells whether all that is said is in a list's record.
func (t *turn) merged(rec worklist.Record) bool {
	for r := range t.done.All() {
		if !rec.Done.Covers(r) {
			return false
		}
	}
	for r, f := range t.failed.All() {
		if f.final && !rec.Failed.Covers(r) {
			return false
		}
	}
	return true
}

// says is how the turn ended, in a sentence.
func (t *turn) says() string {
	if t.end == v1alpha1.BlockReleased {
		return fmt.Sprintf("its worker gave it back with %d items left", t.left())
	}
	if n := t.failed.Sum(); n > 0 {
		return fmt.Sprintf("%d items are done, %d failed", t.done.Sum(), n)
	}
	return fmt.Sprintf("%d items are done", t.done.Sum())
}
