package worklist

import (
	"fmt"
	"time"
)

// Claim asks for blocks.
type Claim struct {
	Worker  string
	Request string // if not "": a repetition by the same worker gets the leases of the first
	Blocks  int    // at most; at least 1
	MaxSize int64  // of each block; 0: as the policy says
	Bulk    int64  // for a tier, which shares its blocks out: about so many items each, more than the policy says; 0: not a tier
}

// Grant answers a claim: with leases, or with the reason why there are none.
type Grant struct {
	Leases    []Lease
	None      None
	Message   string        // the reason, in a sentence
	Retry     time.Time     // when asking again may help; zero: not known
	Lease     time.Duration // how long a lease lasts
	Unclaimed int64         // items that nobody holds after this claim, neither done nor failed

	// Durable is set where the answer has to wait until the news so far is durable.
	Durable bool
}

// None is why a claim got nothing.
type None string

// The reasons, in the order in which they are looked at.
const (
	NoneOver        None = "Over"
	NoneSuspended   None = "Suspended"
	NoneAfter       None = "After"
	NoneWorkerLimit None = "WorkerLimit"
	NoneBlockLimit  None = "BlockLimit"
	NoneRateLimit   None = "RateLimit"
	NoneResting     None = "Resting"
	NoneInDoubt     None = "InDoubt"
	NoneAllOut      None = "AllOut"
)

// Claim hands out blocks: first what has to go out again, lowest index first, then what is fresh, and at the very end, if
// the policy says so, what has been out the longest.
func (l *Ledger) Claim(now time.Time, c Claim) Grant {
	l.Tick(now)
	w := l.worker(c.Worker, now)
	if c.Request != "" && c.Request == w.request {
		if g, ok := l.again(w); ok {
			g.Lease, g.Unclaimed = l.policy.Lease, l.Unclaimed()
			return g
		}
	}
	g := l.hold()
	g.Lease, g.Unclaimed = l.policy.Lease, l.Unclaimed()
	if g.None != "" {
		return g
	}
	for range max(1, c.Blocks) {
		if g = l.limit(now, w, c, g); g.None != "" {
			break
		}
		x, durable := l.next(now, w, c)
		if x == nil {
			g.None, g.Message, g.Retry = l.nothingLeft()
			break
		}
		g.Durable = g.Durable || durable
		g.Leases = append(g.Leases, l.public(x))
	}
	g.Unclaimed = l.Unclaimed()
	if len(g.Leases) > 0 {
		g.None, g.Message, g.Retry = "", "", time.Time{}
		if l.started.IsZero() {
			l.started = now
		}
		l.speed.start(now)
		if c.Request != "" {
			w.request, w.granted = c.Request, w.granted[:0]
			for _, x := range g.Leases {
				w.granted = append(w.granted, x.ID)
			}
		}
	}
	return g
}

// again repeats the answer to the worker's last claim, as far as the leases are still out. A repetition comes when an
// answer was lost, so it has to be as durable as the first.
func (l *Ledger) again(w *worker) (Grant, bool) {
	g := Grant{Durable: true}
	for _, id := range w.granted {
		if x := l.leases[id]; x != nil && x.worker == w {
			g.Leases = append(g.Leases, l.public(x))
		}
	}
	return g, len(g.Leases) > 0
}

// hold is why nothing is handed out to anybody just now.
func (l *Ledger) hold() (g Grant) {
	switch {
	case l.rec.End.Over():
		g.None, g.Message = NoneOver, fmt.Sprintf("the list is over: %s", l.rec.End.Reason)
		g.Durable = l.unsure() // workers go home on it
	case l.policy.Suspended:
		g.None, g.Message = NoneSuspended, "the list is suspended"
	case l.policy.WaitingFor != "":
		g.None, g.Message = NoneAfter, l.policy.WaitingFor
	}
	return g
}

// limit is why this worker gets no further block just now.
func (l *Ledger) limit(now time.Time, w *worker, c Claim, g Grant) Grant {
	p := l.policy
	switch {
	case p.BlocksPerWorker > 0 && w.held >= p.BlocksPerWorker && c.Bulk == 0: // a tier holds its own workers to it
		g.None = NoneWorkerLimit
		g.Message = fmt.Sprintf("worker %s holds %d blocks, as many as one worker may", w.name, w.held)
	case p.MaxBlocks > 0 && len(l.leases) >= p.MaxBlocks:
		g.None = NoneBlockLimit
		g.Message = fmt.Sprintf("%d blocks are out, as many as may be", len(l.leases))
	case p.ItemsPerSecond > 0:
		if at := l.bucket.opens(now, p.ItemsPerSecond); at.After(now) {
			g.None, g.Retry = NoneRateLimit, at
			g.Message = fmt.Sprintf("the list is limited to %g items per second", p.ItemsPerSecond)
		}
	}
	return g
}

// next takes the next block for a worker, and tells whether it may be given out only once the news is durable.
func (l *Ledger) next(now time.Time, w *worker, c Claim) (x *lease, durable bool) {
	size := l.blockSize(w, c)
	if r, ok := l.takeReady(size); ok {
		attempt := l.tryAt(r.Start).Attempts + 1
		x, durable = l.grant(now, w, r, []Range{r}, attempt), l.unsure()
	} else if r, ok := l.takeFresh(now, size); ok {
		x, durable = l.grant(now, w, r, []Range{r}, 1), r.End > l.safe
	} else if x = l.redo(now, w, c); x == nil {
		return nil, false
	} else {
		durable = l.unsure() // the first copy may wait for its reservation
	}
	x.bulk = c.Bulk > 0
	if x.twin == nil {
		if c.Bulk == 0 {
			w.pace.last, l.all.last = x.r.Size(), x.r.Size()
		}
		l.bucket.take(x.r.Size())
	}
	return x, durable
}

func (l *Ledger) blockSize(w *worker, c Claim) int64 {
	left, hands := l.Unclaimed(), len(l.leases)+1
	if c.Bulk > 0 {
		return l.policy.Blocks.bulk(c.Bulk, left, hands)
	}
	p := w.pace
	if p.perItem == 0 {
		p = l.all
	}
	size := l.policy.Blocks.next(p, left, hands)
	if c.MaxSize > 0 {
		size = min(size, c.MaxSize)
	}
	return size
}

// takeReady takes the first range that has to go out again, at most size long: neighbours with the same history go out
// together, so a range that was scattered by single claims comes together again.
func (l *Ledger) takeReady(size int64) (Range, bool) {
	first, _, ok := l.ready.First()
	if !ok {
		return Range{}, false
	}
	try := l.tryAt(first.Start)
	if try.Size > 0 {
		size = min(size, try.Size)
	}
	r := Range{first.Start, first.Start}
	for part, h := range l.ready.Within(Range{first.Start, first.Start + size}) {
		if part.Start != r.End {
			break
		}
		if l.rec.Retry.Len() > 0 {
			part = l.sameTry(part, try)
		}
		if part.Size() == 0 {
			break
		}
		r.End = part.End
		if h != nobody && h != stranger {
			l.fenced.add(uint64(h))
		}
	}
	l.ready.Delete(r)
	return r, true
}

// sameTry is the longest start of r whose indexes all have that history.
func (l *Ledger) sameTry(r Range, try Try) Range {
	if try.Attempts == 0 {
		for other := range l.rec.Retry.Within(r) {
			return Range{r.Start, other.Start}
		}
		return r
	}
	end := r.Start
	for part, t := range l.rec.Retry.Within(r) {
		if part.Start != end || t != try {
			break
		}
		end = part.End
	}
	return Range{r.Start, end}
}

// takeFresh takes the next range that was never out, reserving ahead where the reservation is used up.
func (l *Ledger) takeFresh(now time.Time, size int64) (Range, bool) {
	if l.cursor >= l.rec.Size || l.policy.OnlyAgain != "" {
		return Range{}, false
	}
	r := Range{l.cursor, min(l.cursor+size, l.rec.Size)}
	if r.End > l.rec.Next {
		step := l.reserve.step(now, size)
		l.rec.Next = r.Start + min(step, l.rec.Size-r.Start)
		l.news.Next = l.rec.Next
	}
	l.cursor = r.End
	return r, true
}

// redo hands out once more what has been out the longest in another worker's hand, as MapReduce's backup tasks do (Dean
// and Ghemawat, OSDI 2004, section 3.6). Each block has at most two holders. Tiers take no part: they tell their workers
// what counted by their own books.
func (l *Ledger) redo(now time.Time, w *worker, c Claim) *lease {
	if !l.policy.RedoStragglers || c.Bulk > 0 || l.ready.Len() > 0 || l.resting.Len() > 0 || l.doubt.Len() > 0 {
		return nil
	}
	var oldest *lease
	for x := l.expiry.head; x != nil; x = x.next {
		if x.twin == nil && !x.bulk && x.worker != w && (oldest == nil || x.granted.Before(oldest.granted)) {
			oldest = x
		}
	}
	if oldest == nil {
		return nil
	}
	left := append([]Range(nil), oldest.left...)
	x := l.grant(now, w, Range{left[0].Start, left[len(left)-1].End}, left, oldest.attempt)
	x.twin, oldest.twin = oldest, x
	return x
}

// nothingLeft is why there is no block although nothing holds the list back.
func (l *Ledger) nothingLeft() (None, string, time.Time) {
	if l.resting.Len() > 0 {
		at := l.wakes.next()
		return NoneResting, fmt.Sprintf("%d items rest after a failure before they go out again", l.resting.Sum()), at
	}
	if l.doubt.Len() > 0 {
		return NoneInDoubt, fmt.Sprintf("%d items were out when the list was taken over; they go out again when their leases have run out",
			l.doubt.Sum()), l.doubtUntil
	}
	if l.policy.OnlyAgain != "" && l.cursor < l.rec.Size {
		return NoneAllOut, "nothing that was never out goes out: " + l.policy.OnlyAgain, time.Time{}
	}
	var at time.Time
	if l.expiry.head != nil {
		at = l.expiry.head.deadline
	}
	if l.elsewhere.Len() > 0 {
		why := "it has asked its upstream for more"
		if l.starved != "" {
			why = "its upstream gives it nothing: " + l.starved
		}
		return NoneAllOut, fmt.Sprintf("this tier has nothing at hand, %d of its blocks are out; %s", len(l.leases), why), time.Time{}
	}
	return NoneAllOut, fmt.Sprintf("everything that is left is in somebody's hands, in %d blocks", len(l.leases)), at
}
