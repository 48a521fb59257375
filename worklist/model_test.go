package worklist

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// check fails where the ledger's invariant does not hold.
func (l *Ledger) check(t *rapid.T) {
	var all Set
	put := func(what string, r Range) {
		for x := range all.Within(r) {
			t.Fatalf("%v is in two places, one of them %s", x, what)
		}
		all.Put(r, struct{}{})
	}
	for r := range l.rec.Done.All() {
		put("done", r)
	}
	for r := range l.rec.Failed.All() {
		put("failed", r)
	}
	for r := range l.ready.All() {
		put("ready", r)
	}
	for r := range l.resting.All() {
		put("resting", r)
	}
	for r := range l.doubt.All() {
		put("doubt", r)
	}
	for r := range l.elsewhere.All() {
		put("elsewhere", r)
	}
	held := map[*worker]int{}
	n := 0
	for x := l.expiry.head; x != nil; x = x.next {
		n++
		held[x.worker]++
		if len(x.left) == 0 {
			t.Fatalf("lease %d of nothing", x.id)
		}
		if x.next != nil && x.next.deadline.Before(x.deadline) {
			t.Fatalf("leases out of order")
		}
		if x.twin != nil && (x.twin.twin != x || fmt.Sprint(x.twin.left) != fmt.Sprint(x.left)) {
			t.Fatalf("twins differ: %v %v", x.left, x.twin.left)
		}
		if x.twin == nil || x.id < x.twin.id {
			for _, r := range x.left {
				put("leased", r)
			}
		}
	}
	if n != len(l.leases) {
		t.Fatalf("%d leases in the queue, %d in the map", n, len(l.leases))
	}
	for name, w := range l.workers {
		if w.held != held[w] {
			t.Fatalf("worker %s holds %d leases, %d by its books", name, held[w], w.held)
		}
	}
	put("fresh", Range{l.cursor, l.rec.Size})
	if all.Sum() != l.rec.Size {
		t.Fatalf("%d of %d items are somewhere: %v", all.Sum(), l.rec.Size, all.Ranges(0))
	}
	if err := l.rec.Check(); err != nil {
		t.Fatal(err)
	}
	for r := range l.rec.Retry.All() {
		for range l.rec.Done.Within(r) {
			t.Fatalf("done and to be retried: %v", r)
		}
	}
	s := l.Status(time.Unix(0, 0))
	if s.Leased < 0 || s.Done+s.Failed+s.Leased+s.Waiting+s.Fresh+s.Elsewhere != s.Size {
		t.Fatalf("status does not add up: %+v", s)
	}
}

// engine is the ledger with a store that can lose what was not confirmed, as package server is, and the world's view of
// it: what workers were told.
type engine struct {
	ledger *Ledger
	policy Policy
	now    time.Time
	stored Record // durable

	flown   *Delta
	answers []func() // given once the news is durable

	counted []int             // per index: acknowledged completions that counted it
	hand    []int             // per index: the hand it was last put into
	again   []bool            // per index: out twice at the end, so that there are two hands
	hands   map[[2]uint64]int // which hand a lease (epoch, id) is in; a renewed one stays in the same
	tokens  []Token           // every token a worker got hold of
	resets  int
}

func newEngine(size int64, p Policy) *engine {
	e := &engine{policy: p, now: time.Unix(1e9, 0), counted: make([]int, size), hand: make([]int, size), hands: map[[2]uint64]int{}, again: make([]bool, size)}
	e.stored = Record{Size: size}
	e.restore(true)
	return e
}

func (e *engine) restore(holders bool) {
	var rec Record
	b, err := json.Marshal(&e.stored)
	if err == nil {
		err = json.Unmarshal(b, &rec)
	}
	if err != nil {
		panic(err)
	}
	e.ledger = Restore(rec, e.policy, e.now, holders)
	e.commit()
}

// answer gives f's answer now, or once the news is durable.
func (e *engine) answer(durable bool, f func()) {
	if durable && e.ledger.unsure() {
		e.answers = append(e.answers, f)
		return
	}
	f()
}

func (e *engine) flush() {
	if e.flown == nil {
		d := e.ledger.Flush()
		e.flown = &d
	}
}

func (e *engine) confirm() {
	if e.flown == nil {
		return
	}
	b, err := json.Marshal(e.flown)
	var d Delta
	if err == nil {
		err = json.Unmarshal(b, &d)
	}
	if err != nil {
		panic(err)
	}
	e.stored.Apply(&d)
	e.flown = nil
	e.ledger.Confirm()
	if !e.ledger.News() {
		for _, f := range e.answers {
			f()
		}
		e.answers = nil
	}
}

func (e *engine) commit() {
	for e.flown != nil || e.ledger.News() {
		e.flush()
		e.confirm()
	}
}

// crash loses everything that is not stored. What was flushed may have reached the store or not.
func (e *engine) crash(reached, holders bool) {
	if e.flown != nil && reached {
		e.stored.Apply(e.flown)
	}
	e.flown, e.answers = nil, nil
	e.restore(holders)
}

// TestLedgerAgainstModel runs random claims, reports, renewals, crashes and time against the laws.
func TestLedgerAgainstModel(t *testing.T) { rapid.Check(t, ledgerAgainstModel) }

// FuzzLedger is the same, led by what code is reached.
func FuzzLedger(f *testing.F) { f.Fuzz(rapid.MakeFuzz(ledgerAgainstModel)) }

func ledgerAgainstModel(t *rapid.T) {
	size := rapid.Int64Range(1, 60).Draw(t, "size")
	p := Policy{
		Blocks:          BlockPolicy{Size: rapid.Int64Range(0, 12).Draw(t, "block"), Min: rapid.Int64Range(0, 3).Draw(t, "min")},
		Lease:           time.Duration(rapid.IntRange(1, 60).Draw(t, "lease")) * time.Second,
		MaxAttempts:     rapid.IntRange(1, 4).Draw(t, "attempts"),
		BlocksPerWorker: rapid.IntRange(0, 3).Draw(t, "perWorker"),
		MaxBlocks:       rapid.IntRange(0, 5).Draw(t, "blocks"),
		RedoStragglers:  rapid.Bool().Draw(t, "redo"),
	}
	if rapid.Bool().Draw(t, "tolerance") {
		p.Tolerance = Tolerance{Bounded: true, Count: rapid.Int64Range(0, 5).Draw(t, "tolerated")}
	}
	e := newEngine(size, p)
	workers := []string{"a", "b", "c"}
	t.Repeat(map[string]func(*rapid.T){
		"": func(t *rapid.T) { e.check(t) },
		"claim": func(t *rapid.T) {
			e.claim(t, Claim{Worker: rapid.SampledFrom(workers).Draw(t, "worker"), Blocks: rapid.IntRange(1, 3).Draw(t, "blocks"),
				MaxSize: rapid.Int64Range(0, 5).Draw(t, "max"), Request: rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "request")})
		},
		"report": func(t *rapid.T) {
			if len(e.tokens) == 0 {
				return // not t.Skip: a fuzzer likes to skip, and rapid calls that a failure
			}
			// Mostly the latest tokens: old ones are refused all the same.
			n := len(e.tokens)
			i := rapid.IntRange(max(0, n-8), n-1).Draw(t, "token")
			e.report(t, e.tokens[i], drawReport(t, e.tokens[i].Range))
		},
		"renew": func(t *rapid.T) {
			if len(e.tokens) == 0 {
				return // not t.Skip: a fuzzer likes to skip, and rapid calls that a failure
			}
			tok := e.tokens[rapid.IntRange(0, len(e.tokens)-1).Draw(t, "token")]
			if r := e.ledger.Renew(e.now, tok); r.Verdict == Accepted {
				e.answer(r.Durable, func() { e.out(t, r.Lease.Token(), tok, false) })
			}
		},
		"time": func(t *rapid.T) {
			e.now = e.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "seconds")) * time.Second)
			e.ledger.Tick(e.now)
		},
		"retry": func(t *rapid.T) {
			if e.resets++; e.resets < 3 {
				e.ledger.Retry(e.now)
			}
		},
		"flush":   func(t *rapid.T) { e.flush() },
		"confirm": func(t *rapid.T) { e.confirm() },
		"commit":  func(t *rapid.T) { e.commit() },
		"crash": func(t *rapid.T) {
			e.crash(rapid.Bool().Draw(t, "reached"), true)
		},
		"close": func(t *rapid.T) { e.ledger.Close() }, // and calls may come in before it is flushed
		"stop": func(t *rapid.T) {
			e.commit()
			e.ledger.Close()
			e.commit()
			e.crash(false, rapid.Bool().Draw(t, "holders"))
		},
	})
	e.finish(t)
}

func drawReport(t *rapid.T, block Range) (rep Report) {
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0: // whole
	case 1: // a part
		start := rapid.Int64Range(block.Start, block.End-1).Draw(t, "start")
		rep.Done = []Range{{start, rapid.Int64Range(start+1, block.End).Draw(t, "end")}}
	case 2: // an item fails
		i := rapid.Int64Range(block.Start, block.End-1).Draw(t, "item")
		rep.Failed = []FailedRange{{Range{i, i + 1}, "exit status 1", rapid.Bool().Draw(t, "final"), rapid.IntRange(0, 3).Draw(t, "attempts")}}
		if i > block.Start {
			rep.Done = []Range{{block.Start, i}}
		}
	case 3: // all fails
		rep.Failed = []FailedRange{{block, "signal: killed", false, 0}}
	case 4:
		rep.Release = true
	}
	return rep
}

func (e *engine) check(t *rapid.T) {
	e.ledger.check(t)
	// Acknowledged means durable; counted means once.
	for i, n := range e.counted {
		if n > 1 {
			t.Fatalf("item %d was counted %d times", i, n)
		}
		if n == 1 && !e.stored.Done.Covers(Range{int64(i), int64(i) + 1}) {
			t.Fatalf("item %d was acknowledged and is not durable", i)
		}
	}
	if err := e.stored.Check(); err != nil {
		t.Fatal(err)
	}
	// The durable record and the news make the ledger's record.
	if e.flown == nil && !e.ledger.News() {
		stored, _ := json.Marshal(&e.stored)
		now, _ := json.Marshal(e.ledger.Record())
		if string(stored) != string(now) {
			t.Fatalf("stored %s\nledger %s", stored, now)
		}
	}
}

func (e *engine) claim(t *rapid.T, c Claim) {
	last := e.ledger.lastID
	g := e.ledger.Claim(e.now, c)
	if (len(g.Leases) == 0) == (g.None == "") {
		t.Fatalf("%d leases with reason %q", len(g.Leases), g.None)
	}
	twins := make([]bool, len(g.Leases))
	for i, x := range g.Leases {
		twins[i] = e.ledger.leases[x.ID].twin != nil
		if x.ID > last && !twins[i] && e.doneWithin(x.Range) {
			t.Fatalf("%v goes out after a part of it was done", x.Range)
		}
	}
	e.answer(g.Durable, func() {
		for i, x := range g.Leases {
			e.out(t, x.Token(), Token{}, twins[i])
		}
	})
}

func (e *engine) doneWithin(r Range) bool {
	for range e.ledger.rec.Done.Within(r) {
		return true
	}
	return false
}

// out notes that a worker was given a token; instead of an older one if it was renewed, as a second copy if it is a twin.
func (e *engine) out(t *rapid.T, tok, old Token, twin bool) {
	known := false
	for _, o := range e.tokens {
		known = known || o.ID == tok.ID && o.Epoch == tok.Epoch
	}
	e.tokens = append(e.tokens, tok)
	key := [2]uint64{tok.Epoch, tok.ID}
	if old != (Token{}) && !known {
		e.hands[key] = e.hands[[2]uint64{old.Epoch, old.ID}]
		return
	}
	if known { // a repeated answer, or a renewal under the same lease
		return
	}
	e.hands[key] = len(e.hands) + 1
	for i := tok.Range.Start; i < tok.Range.End; i++ {
		if twin {
			e.again[i] = true
			continue
		}
		e.hand[i], e.again[i] = e.hands[key], false
	}
}

func (e *engine) report(t *rapid.T, tok Token, rep Report) {
	rc := e.ledger.Report(e.now, tok, rep)
	for _, r := range rc.Done {
		for i := r.Start; i < r.End; i++ {
			// Fencing: who completes an item is the last it was given to.
			if hand := e.hands[[2]uint64{tok.Epoch, tok.ID}]; !e.again[i] && e.hand[i] != hand {
				t.Fatalf("item %d was counted for %+v, but it had gone into another hand since", i, tok)
			}
		}
	}
	switch rc.Verdict {
	case Accepted:
	case Duplicate, Fenced, Over, Invalid:
		if len(rc.Done)+len(rc.Failed) > 0 || rc.Message == "" {
			t.Fatalf("%+v has an effect, or no word why it has none", rc)
		}
	default:
		t.Fatalf("verdict %q", rc.Verdict)
	}
	e.answer(true, func() {
		for _, r := range rc.Done {
			for i := r.Start; i < r.End; i++ {
				e.counted[i]++
			}
		}
	})
}

// finish has one good worker end the list: no item is lost, and it takes a bounded number of steps.
func (e *engine) finish(t *rapid.T) {
	e.commit()
	e.policy.Tolerance = Tolerance{}
	e.ledger.SetPolicy(e.now, e.policy)
	e.ledger.Retry(e.now)
	for steps := 0; !e.ledger.Outcome().Over(); steps++ {
		if steps > 10_000 {
			t.Fatalf("it does not end: %s", e.ledger.Explain(e.now, ""))
		}
		g := e.ledger.Claim(e.now, Claim{Worker: "good"})
		e.commit()
		for _, x := range g.Leases {
			e.out(t, x.Token(), Token{}, false)
			e.report(t, x.Token(), Report{})
		}
		if len(g.Leases) == 0 && !e.ledger.Outcome().Over() {
			at := e.ledger.Wake()
			if at.IsZero() {
				t.Fatalf("nothing to do and nothing to wait for: %s", e.ledger.Explain(e.now, ""))
			}
			if at.After(e.now) {
				e.now = at
			}
			e.ledger.Tick(e.now)
		}
		e.ledger.check(t)
	}
	e.commit()
	if done := e.stored.Done.Sum() + e.stored.Failed.Sum(); done != e.stored.Size {
		t.Fatalf("%d of %d items are accounted for", done, e.stored.Size)
	}
}
