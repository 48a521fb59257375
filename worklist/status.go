package worklist

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Status is a summary of a ledger. Done, Failed, Leased, Waiting, Fresh and Elsewhere add up to Size.
type Status struct {
	Phase     Phase
	Reason    string
	Size      int64
	Done      int64
	Failed    int64
	Leased    int64
	Waiting   int64 // to go out again: ready, resting or in doubt
	Fresh     int64 // never out
	Elsewhere int64 // of a tier: not given to it by its upstream
	Blocks    int   // out
	Workers   int   // that hold blocks
	Speed     float64
	Started   time.Time // first claim since the takeover; zero: none
}

// Status summarises the ledger as it is now.
func (l *Ledger) Status(now time.Time) Status {
	s := Status{Size: l.rec.Size, Done: l.rec.Done.Sum(), Failed: l.rec.Failed.Sum(),
		Waiting: l.ready.Sum() + l.resting.Sum() + l.doubt.Sum(), Fresh: l.rec.Size - l.cursor, Elsewhere: l.elsewhere.Sum(),
		Blocks: len(l.leases), Speed: l.speed.read(now), Started: l.started}
	s.Leased = s.Size - s.Done - s.Failed - s.Waiting - s.Fresh - s.Elsewhere
	for _, w := range l.workers {
		if w.held > 0 {
			s.Workers++
		}
	}
	switch {
	case l.rec.End.Over():
		s.Phase, s.Reason = l.rec.End.Phase, l.rec.End.Reason
	case l.policy.Suspended:
		s.Phase, s.Reason = Suspended, "suspended"
	case l.policy.WaitingFor != "":
		s.Phase, s.Reason = Waiting, l.policy.WaitingFor
	default:
		s.Phase = Active
	}
	return s
}

// Unclaimed is how many items are in nobody's hands and neither done nor failed.
func (l *Ledger) Unclaimed() int64 {
	return l.rec.Size - l.cursor + l.ready.Sum() + l.resting.Sum() + l.doubt.Sum() + l.free
}

// Block is a range that is out, or waits to go out again.
type Block struct {
	Range    Range
	State    BlockState
	Done     int64 // items of it that are done while the rest is out
	Attempt  int
	Worker   string    // "" if unknown
	Deadline time.Time // when the lease runs out, or the range may go out again
	Reason   string    // why the last attempt failed
}

// BlockState says where a block is.
type BlockState string

const (
	Working BlockState = "Working" // leased
	Resting BlockState = "Resting" // after a failure
	AtHand  BlockState = "Waiting" // to go out again
	InDoubt BlockState = "InDoubt" // out when the record was taken over
)

// Blocks are all blocks that are not fresh, done or failed, by index.
func (l *Ledger) Blocks() []Block {
	var out []Block
	for _, x := range l.leases {
		out = append(out, Block{Range: x.r, State: Working, Done: x.r.Size() - total(x.left), Attempt: x.attempt,
			Worker: x.worker.name, Deadline: x.deadline, Reason: l.tryAt(x.r.Start).Reason})
	}
	for r, rest := range l.resting.All() {
		try := l.tryAt(r.Start)
		out = append(out, Block{Range: r, State: Resting, Attempt: try.Attempts, Deadline: time.Unix(0, rest.until), Reason: try.Reason})
	}
	for r := range l.ready.All() {
		try := l.tryAt(r.Start)
		out = append(out, Block{Range: r, State: AtHand, Attempt: try.Attempts, Reason: try.Reason})
	}
	for r := range l.doubt.All() {
		out = append(out, Block{Range: r, State: InDoubt, Attempt: l.tryAt(r.Start).Attempts + 1, Deadline: l.doubtUntil})
	}
	slices.SortFunc(out, func(a, b Block) int {
		if a.Range.Start != b.Range.Start {
			return int(min(1, max(-1, a.Range.Start-b.Range.Start)))
		}
		return strings.Compare(a.Worker, b.Worker)
	})
	return out
}

// Place tells where index i is, in words, with the worker that holds it if one does.
func (l *Ledger) Place(i int64) (place, worker string) {
	at := Range{i, i + 1}
	if l.rec.Done.Covers(at) {
		return "done", ""
	}
	if f, ok := l.rec.Failed.Get(i); ok {
		return fmt.Sprintf("failed after %s: %s", number(f.Attempts, "attempt", "attempts"), f.Reason), ""
	}
	if i >= l.cursor {
		return "not handed out yet", ""
	}
	if rest, ok := l.resting.Get(i); ok {
		return fmt.Sprintf("failed (%s), goes out again at %s", l.tryAt(i).Reason, time.Unix(0, rest.until).UTC().Format(time.RFC3339)), ""
	}
	if _, ok := l.ready.Get(i); ok {
		return "waiting to be handed out again", ""
	}
	if l.doubt.Covers(at) {
		return "in doubt: out when the list was taken over", ""
	}
	for _, x := range l.holders(at) {
		return "being worked on", x.worker.name
	}
	if l.elsewhere.Covers(at) {
		return "not in this tier's hands", ""
	}
	return "unknown", ""
}

// Explain says, in sentences, what the list is doing and what it is waiting for. idle is what an engine knows of why no worker asks
// for what is free; "": only that none does.
func (l *Ledger) Explain(now time.Time, idle string) []string {
	s := l.Status(now)
	if l.rec.End.Over() {
		return []string{fmt.Sprintf("The list is over (%s): %s.", s.Phase, s.Reason)}
	}
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	switch g := l.hold(); g.None {
	case NoneSuspended:
		say("The list is suspended: nothing is handed out until it is resumed.")
	case NoneAfter:
		say("Nothing is handed out: %s.", g.Message)
	}
	free := l.ready.Sum()
	if l.policy.OnlyAgain == "" {
		free += s.Fresh
	} else if s.Fresh > 0 {
		say("Nothing that was never out goes out: %s.", l.policy.OnlyAgain)
	}
	unasked := free > 0 && s.Blocks == 0 && l.hold().None == ""
	if unasked {
		say("%s free to be taken, but %s.", number(free, "item is", "items are"),
			cmp.Or(idle, "no worker asks for them: start one with `teamtask work`"))
	}
	if s.Blocks > 0 {
		say("%s %s with %s.", number(s.Workers, "worker holds", "workers hold"), number(s.Blocks, "block", "blocks"), number(s.Leased, "item", "items"))
		if x := l.expiry.head; x != nil && x.deadline.Sub(now) < never/2 {
			say("The next lease to run out is that of worker %s on %v, in %s.", x.worker.name, x.r, until(now, x.deadline))
		}
	}
	if n := l.resting.Sum(); n > 0 {
		say("%s after a failure, the next for %s.", number(n, "item rests", "items rest"), until(now, l.wakes.next()))
	}
	if n := l.doubt.Sum(); n > 0 {
		say("%s out when the list was taken over; what is not turned in goes out again in %s.", number(n, "item was", "items were"), until(now, l.doubtUntil))
	}
	if p := l.policy; p.MaxBlocks > 0 && s.Blocks >= p.MaxBlocks {
		say("As many blocks are out as may be (%d).", p.MaxBlocks)
	}
	if rate := l.policy.ItemsPerSecond; rate > 0 {
		say("It is limited to %g items per second.", rate)
	}
	switch {
	case unasked:
	case free > 0:
		say("%s free to be taken.", number(free, "item is", "items are"))
	case s.Blocks > 0 && s.Elsewhere == 0 && s.Fresh == 0 && l.resting.Sum() == 0 && l.doubt.Sum() == 0:
		say("Everything else is done: the list waits for what is out.")
	}
	if n := l.elsewhere.Sum(); n > 0 {
		say("%s not in this tier's hands.", number(n, "item is", "items are"))
		if l.starved != "" {
			say("Its upstream gives it nothing: %s.", l.starved)
		}
	}
	return out
}

// number writes how many there are of something.
func number[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

// until is the time left, for people: in whole seconds, without the units that are zero at its end.
func until(now, t time.Time) string {
	text := max(0, t.Sub(now)).Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
