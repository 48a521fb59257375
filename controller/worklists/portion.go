package worklists

import (
	"slices"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// portion is what of a Block's range its lease is resumed for: all of it, but where what its worker turned in is scattered over
// more ranges than the record has room for. Then it is merged from its start on, as far as there is room; the rest is held under
// a lease of its own, so that the Block stays, until what was merged has been done again where it was not done, and takes less.
func portion(b *v1alpha1.Block, rec *worklist.Record, room *int) worklist.Range {
	whole := rangeOf(b)
	ends := make([]int64, 0, len(b.Status.DoneRanges)+len(b.Status.FailedRanges))
	for _, r := range b.Status.DoneRanges {
		ends = append(ends, r.Core().End)
	}
	for _, f := range b.Status.FailedRanges {
		ends = append(ends, f.Core().End)
	}
	if b.Status.Finished() == "" || len(ends) <= 1 {
		return whole
	}
	from := settled(rec, whole, b.Status.Attempt())
	slices.Sort(ends)
	ends = slices.DeleteFunc(ends, func(end int64) bool { return end <= from })
	fit := max(0, *room) / (ofDone + ofRetry)
	if len(ends) <= fit {
		*room -= len(ends) * (ofDone + ofRetry)
		return worklist.Range{Start: from, End: whole.End}
	}
	*room = 0
	if fit == 0 {
		return worklist.Range{Start: from, End: from}
	}
	return worklist.Range{Start: from, End: min(ends[fit-1], whole.End)}
}

// settled is up to where the record has decided on that attempt at a range.
func settled(rec *worklist.Record, r worklist.Range, attempt int) int64 {
	at := r.Start
	for before := at - 1; at < r.End && at > before; {
		before = at
		rest := worklist.Range{Start: at, End: r.End}
		at = reach(&rec.Done, rest, func(struct{}) bool { return true })
		at = reach(&rec.Failed, worklist.Range{Start: at, End: r.End}, func(worklist.Failure) bool { return true })
		at = reach(&rec.Retry, worklist.Range{Start: at, End: r.End}, func(try worklist.Try) bool { return try.Attempts >= attempt })
	}
	return at
}

// reach is up to where a map covers a range from its start on with what counts.
func reach[V comparable](m *worklist.Map[V], r worklist.Range, counts func(V) bool) int64 {
	at := r.Start
	for part, v := range m.Within(r) {
		if part.Start != at || !counts(v) {
			break
		}
		at = part.End
	}
	return at
}
