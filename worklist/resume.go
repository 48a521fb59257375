package worklist

import (
	"container/heap"
	"math"
	"slices"
	"time"
)

// Memory is what an engine that makes the ledger anew for each decision keeps for it, beside the record.
type Memory struct {
	// Leases are all that are out. The engine keeps each as an object of its own: Kubernetes' Blocks. Their IDs are the
	// engine's, and so are their deadlines: a ledger that is made anew does not let them run out by itself.
	Leases []Lease
	// Resting are ranges that failed and go out again later. What is forgotten here goes out again at once.
	Resting []Rest
	// PerItem is how long a worker takes for an item, smoothed, and Last the size of the last block that was handed out on that
	// knowledge; 0: nothing is known.
	PerItem time.Duration
	Last    int64
	// Opens is when the limit on items per second allows the next block; zero: at once.
	Opens time.Time
}

// Rest is a range that rests.
type Rest struct {
	Range Range
	Until time.Time
}

// never is the deadline of leases whose end the engine decides on.
const never = 100 * 365 * 24 * time.Hour

// Resume is the ledger of a record whose leases are all known. It is no takeover: the epoch stays as it is. What is handed out, by the record, and in
// no lease goes out again at once; so the leases must have been read after the record, and nobody else may be about to make
// one.
//
// Of its range a lease has what is neither done nor failed, nor another's before it, and was not out again since: where the
// attempt is not the one that comes next after those remembered, the lease is of the past.
func Resume(rec Record, p Policy, now time.Time, m Memory) *Ledger {
	l := open(rec, p)
	for _, gap := range l.unfinished() {
		l.ready.Put(gap, nobody)
	}
	l.reserve.exact = true
	l.all = pace{perItem: m.PerItem.Seconds(), last: m.Last}
	if rate := l.policy.ItemsPerSecond; rate > 0 && !m.Opens.IsZero() {
		l.bucket = bucket{level: min(rate, now.Sub(m.Opens).Seconds()*rate), at: now}
	}
	for _, x := range m.Leases {
		l.resume(now, x)
	}
	for _, rest := range m.Resting {
		if rest.Until.After(now) {
			l.rest(rest)
		}
	}
	return l
}

// resume takes in a lease that is out.
func (l *Ledger) resume(now time.Time, x Lease) {
	var left []Range
	for part := range l.ready.Within(x.Range) {
		left = append(left, l.latest(part, x.Attempt)...)
	}
	for _, part := range left {
		l.ready.Delete(part)
	}
	var twin *lease
	if len(left) == 0 {
		if twin = l.twinOf(x); twin == nil {
			return
		}
		left = slices.Clone(twin.left)
	}
	held := l.grant(now, l.worker(x.Worker, now), x.Range, left, x.Attempt)
	delete(l.leases, held.id)
	l.expiry.remove(held)
	held.id, held.deadline, held.bulk = x.ID, now.Add(never), x.Bulk
	l.leases[held.id] = held
	l.expiry.insert(held)
	l.lastID = max(l.lastID, x.ID)
	if twin != nil {
		held.twin, twin.twin = twin, held
	}
}

// twinOf is the lease that a second one on the same items belongs to, where stragglers are done twice; nil: there is none. Either
// may have been given more, of which some was done since.
func (l *Ledger) twinOf(x Lease) *lease {
	if !l.policy.RedoStragglers {
		return nil
	}
	for _, y := range l.holders(x.Range) {
		if y.attempt == x.Attempt && y.twin == nil && x.Range.Contains(Range{y.left[0].Start, y.left[len(y.left)-1].End}) {
			return y
		}
	}
	return nil
}

// latest are the parts of a range of which that attempt is the latest.
func (l *Ledger) latest(r Range, attempt int) (out []Range) {
	at := r.Start
	for part, try := range l.rec.Retry.Within(r) {
		if at < part.Start && attempt == 1 {
			out = append(out, Range{at, part.Start})
		}
		if attempt == try.Attempts+1 {
			out = append(out, part)
		}
		at = part.End
	}
	if at < r.End && attempt == 1 {
		out = append(out, Range{at, r.End})
	}
	return out
}

// rest lets what is ready of a range rest.
func (l *Ledger) rest(x Rest) {
	var parts []Range
	for part := range l.ready.Within(x.Range) {
		parts = append(parts, part)
	}
	for _, part := range parts {
		l.ready.Delete(part)
		l.resting.Put(part, rest{x.Until.UnixNano(), nobody})
		heap.Push(&l.wakes, wake{x.Until, part})
	}
}

// Memory is what the engine is to keep for the next ledger, beside the leases.
func (l *Ledger) Memory() Memory {
	// Rounded up: 0 is not known.
	m := Memory{PerItem: time.Duration(math.Ceil(l.all.perItem * float64(time.Second))), Last: l.all.last}
	for r, rest := range l.resting.All() {
		m.Resting = append(m.Resting, Rest{r, time.Unix(0, rest.until)})
	}
	if rate := l.policy.ItemsPerSecond; rate > 0 && !l.bucket.at.IsZero() {
		m.Opens = l.bucket.at.Add(-time.Duration(l.bucket.level / rate * float64(time.Second)))
	}
	return m
}

// RunOut ends a lease that was given to [Resume], because the engine says that it has run out. It returns what failed by that.
func (l *Ledger) RunOut(now time.Time, id uint64) []Range {
	l.Tick(now)
	x := l.leases[id]
	if x == nil {
		return nil
	}
	defer l.settle(now)
	return l.expire(now, x)
}

// Holds tells whether a lease that was given to [Resume] still has something of its range.
func (l *Ledger) Holds(id uint64) bool { return l.leases[id] != nil }
