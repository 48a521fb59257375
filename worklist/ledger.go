package worklist

import (
	"container/heap"
	"time"
)

// Ledger is a record together with what need not survive: who holds what, and what waits. It is not safe for concurrent
// use; the engine calls it under a lock.
//
// Invariant: [0,size) is the disjoint union of done, failed, ready, resting, doubt, elsewhere, the leases' left ranges,
// and [cursor,size). Retry lies in ready, resting, doubt or leases. cursor <= rec.Next.
type Ledger struct {
	policy Policy
	rec    Record // as it will be once all news is durable
	news   Delta  // since the last Flush

	flying     bool  // a flush is not confirmed yet,
	flyingNext int64 // and it raises or lowers next to this; 0: it does not
	safe       int64 // the durable next: claims below it need no write

	cursor  int64       // every index below has been handed out, or was reserved by an earlier owner
	ready   Map[holder] // to be handed out again now
	resting Map[rest]   // to be handed out again later
	wakes   wakeHeap    // when ranges of resting become ready

	doubt      Set       // out at the takeover, in unknown hands
	doubtUntil time.Time // by then every lease of an earlier epoch has run out

	tier      bool   // the list ends when its upstream says so
	elsewhere Set    // of a tier: what its upstream has not given it
	free      int64  // of a tier: what its upstream has still to hand out,
	starved   string // and why it does not, in words

	floor uint64 // rec.Floor as it was at the takeover

	leases  map[uint64]*lease
	expiry  leaseQueue
	lastID  uint64
	workers map[string]*worker
	fenced  fence
	all     pace // of all workers together

	reserve reservation
	bucket  bucket
	speed   meter
	started time.Time // the first claim since the takeover
	swept   time.Time // see forget
}

// holder is the id of the lease under which a ready range was last out, and which may still turn it in late; or one of
// these.
type holder uint64

const (
	nobody   holder = 0          // given back, or never out: nobody may turn it in
	stranger holder = ^holder(0) // whoever held it before the takeover
)

type rest struct {
	until  int64 // Unix nanoseconds
	holder holder
}

// worker is what is known of a worker.
type worker struct {
	name    string
	held    int // leases
	pace    pace
	seen    time.Time
	request string   // of the last claim that had one
	granted []uint64 // the leases it was given
}

// New is the ledger of a list that nothing is known of yet. The size is 1 to MaxSize.
func New(size int64, p Policy) *Ledger {
	return Restore(Record{Size: size}, p, time.Time{}, false)
}

// Restore takes over a record: the epoch is counted up, and everything that may be out is in doubt until the longest
// lease has run out, if holders is set; otherwise there can be no holders, and it goes out again at once. The takeover is
// news that has to be durable before anything is answered, so that an older owner's writes are refused.
func Restore(rec Record, p Policy, now time.Time, holders bool) *Ledger {
	l := open(rec, p)
	l.rec.Epoch++
	l.news.Epoch = l.rec.Epoch
	l.noteLease()
	l.doubtUntil = now.Add(l.rec.Lease)
	if !holders {
		l.rec.Floor, l.news.Floor = l.rec.Epoch, l.rec.Epoch
	}
	for _, gap := range l.unfinished() {
		if holders {
			l.doubt.Put(gap, struct{}{})
		} else {
			l.ready.Put(gap, nobody)
		}
	}
	return l
}

// open is the ledger of a record as it stands, by which nothing that was handed out goes out again. Who opens it says what of that does.
func open(rec Record, p Policy) *Ledger {
	return &Ledger{policy: p.withDefaults(), rec: rec, cursor: rec.Next, safe: rec.Next, floor: rec.Floor,
		leases: map[uint64]*lease{}, workers: map[string]*worker{}}
}

// unfinished are the ranges below next that are neither done nor failed.
func (l *Ledger) unfinished() (out []Range) {
	for r := range l.rec.Done.Gaps(Range{0, l.rec.Next}) {
		for gap := range l.rec.Failed.Gaps(r) {
			out = append(out, gap)
		}
	}
	return out
}

// SetPolicy changes what the owner wants. Blocks that are out keep their deadlines.
func (l *Ledger) SetPolicy(now time.Time, p Policy) {
	l.Tick(now)
	l.policy = p.withDefaults()
	l.noteLease()
	l.settle(now)
}

// noteLease keeps the record's longest lease true.
func (l *Ledger) noteLease() {
	if l.policy.Lease > l.rec.Lease {
		l.rec.Lease = l.policy.Lease
		l.news.Lease = l.policy.Lease
	}
}

// Record is the record as it will be once everything flushed is durable. It shares memory with the ledger: read it at
// once, change nothing.
func (l *Ledger) Record() *Record { return &l.rec }

// Outcome is how the list ended; the zero Outcome while it goes on.
func (l *Ledger) Outcome() Outcome { return l.rec.End }

// Flush hands out the news since the last one. It has to be durable, and confirmed, before any answer that came before
// is given. One flush may be under way at a time.
func (l *Ledger) Flush() Delta {
	d := l.news
	l.news, l.flying, l.flyingNext = Delta{}, !d.Empty(), d.Next
	return d
}

// Confirm tells the ledger that what was flushed is durable.
func (l *Ledger) Confirm() {
	if l.flyingNext != 0 {
		l.safe = l.flyingNext
	}
	l.flying, l.flyingNext = false, 0
}

// News tells whether there is something to flush.
func (l *Ledger) News() bool { return !l.news.Empty() }

// unsure tells whether there is news that is not known to be durable.
func (l *Ledger) unsure() bool { return l.flying || l.News() }

// Close gives back what was reserved ahead but not handed out, so that after an orderly stop only what is out is in doubt.
// The ledger must not be used after the flush that follows.
func (l *Ledger) Close() {
	if l.cursor < l.rec.Next {
		l.rec.Next = l.cursor
		l.news.Next = l.cursor
		l.safe = l.cursor // a claim that comes all the same has to reserve anew
	}
}

// Retry hands out failed items again, with all their attempts before them, and reopens a list that ended with them. It
// returns how many. A list that was cancelled stays so.
func (l *Ledger) Retry(now time.Time) int64 {
	l.Tick(now)
	if l.policy.Cancelled {
		return 0
	}
	n := l.rec.Failed.Sum()
	forgiven := l.rec.Failed
	l.rec.Failed = Map[Failure]{}
	for r, f := range forgiven.All() {
		before := f.Attempts + f.Forgiven
		try := Try{Attempts: before, Forgiven: before, Reason: f.Reason}
		l.rec.Retry.Put(r, try)
		l.news.Failed.Delete(r)
		l.news.Retry.Put(r, try)
		l.ready.Put(r, nobody)
	}
	if l.rec.End.Over() && l.rec.Done.Sum() < l.rec.Size {
		for _, r := range l.ready.Ranges(0) { // what was out at the end, too
			l.giveBack(r)
		}
		l.rec.End = Outcome{}
		l.news.End = &Outcome{}
	}
	l.settle(now)
	return n
}

// markDone counts a range that is in no other place any more.
func (l *Ledger) markDone(now time.Time, r Range) {
	l.rec.Done.Put(r, struct{}{})
	l.news.Done.Put(r, struct{}{})
	if l.rec.Retry.Len() > 0 {
		l.rec.Retry.Delete(r)
	}
	l.news.Retry.Delete(r)
	l.speed.add(now, r.Size())
}

// markFailed takes in that a range failed or expired, one attempt more. It rests and goes out again, in halves once it
// has had its attempts, until a single item is given up on. f says why; its range is another.
func (l *Ledger) markFailed(now time.Time, r Range, attempt int, f FailedRange, h holder) {
	before := l.tryAt(r.Start)
	spent := attempt-before.Forgiven >= l.policy.MaxAttempts
	if spent && r.Size() == 1 || f.Final {
		l.rec.Retry.Delete(r)
		l.news.Retry.Delete(r)
		end := Failure{Attempts: attempt - before.Forgiven - 1 + max(1, f.Attempts), Forgiven: before.Forgiven, Reason: f.Reason}
		l.rec.Failed.Put(r, end)
		l.news.Failed.Put(r, end)
		return
	}
	try := Try{Attempts: attempt, Forgiven: before.Forgiven, Size: before.Size, Reason: f.Reason}
	if spent {
		try.Size = (r.Size() + 1) / 2
	}
	l.rec.Retry.Put(r, try)
	l.news.Retry.Put(r, try)

	until := now.Add(l.policy.Backoff.rest(attempt - before.Forgiven))
	l.resting.Put(r, rest{until.UnixNano(), h})
	heap.Push(&l.wakes, wake{until, r})
}

// giveBack makes a range ready that its holder will not do, nobody's fault. It counts as an attempt none the less, so
// that no lease it was out under is ever taken for the next one.
func (l *Ledger) giveBack(r Range) {
	at := r.Start
	put := func(r Range, try Try) {
		try.Attempts++
		try.Forgiven++
		l.rec.Retry.Put(r, try)
		l.news.Retry.Put(r, try)
	}
	var known []entry[Try]
	for part, try := range l.rec.Retry.Within(r) {
		known = append(known, entry[Try]{part, try})
	}
	for _, k := range known {
		put(Range{at, k.Start}, Try{})
		put(k.Range, k.v)
		at = k.End
	}
	put(Range{at, r.End}, Try{})
	l.ready.Put(r, nobody)
}

// tryAt is what is remembered of an index that failed before.
func (l *Ledger) tryAt(i int64) Try {
	if l.rec.Retry.Len() == 0 {
		return Try{}
	}
	t, _ := l.rec.Retry.Get(i)
	return t
}

// worker finds or makes the entry of a worker.
func (l *Ledger) worker(name string, now time.Time) *worker {
	w := l.workers[name]
	if w == nil {
		w = &worker{name: name}
		l.workers[name] = w
	}
	w.seen = now
	return w
}
