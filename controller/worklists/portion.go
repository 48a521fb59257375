package worklists

import (
	"slices"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// portion is what of a Block's range its lease is resumed for: all of it, but where what is to be merged of it takes more ranges than
// the record has room for. Then it is merged from its start on, as far as there is room; the rest is held under a lease of its own,
// so that the Block stays, until what was merged has been done again where it was not done, and takes less.
func portion(b *v1alpha1.Block, rec *worklist.Record, room *int) worklist.Range {
	whole, end := rangeOf(b), b.Status.Finished()
	if end == "" || end == v1alpha1.BlockDone && len(b.Status.FailedRanges) == 0 {
		return whole // it takes one range, which was reckoned with when it went out
	}
	ends := make([]int64, 0, len(b.Status.DoneRanges)+len(b.Status.FailedRanges)+1)
	for _, r := range b.Status.DoneRanges {
		ends = append(ends, r.Core().End)
	}
	for _, f := range b.Status.FailedRanges {
		ends = append(ends, f.Core().End)
	}
	ends = append(ends, whole.End)
	from := settled(rec, whole, b.Status.Attempt())
	slices.Sort(ends)
	ends = slices.DeleteFunc(slices.Compact(ends), func(end int64) bool { return end <= from || end > whole.End })
	piece := widthsOf(rec.Size).piece()
	fit := max(0, *room) / piece
	if len(ends) <= fit {
		*room -= len(ends) * piece
		return worklist.Range{Start: from, End: whole.End}
	}
	*room = 0
	if fit == 0 {
		return worklist.Range{Start: from, End: from}
	}
	return worklist.Range{Start: from, End: ends[fit-1]}
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
