package worklist

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// objects is an engine that keeps each lease as an object, and makes its ledger anew for each decision, as the controller
// on Kubernetes does.
type objects struct {
	policy  Policy
	now     time.Time
	record  Record
	leases  []Lease // the objects
	resting []Rest
	ids     uint64
}

func (e *objects) ledger() *Ledger {
	var rec Record
	b, err := json.Marshal(&e.record)
	if err == nil {
		err = json.Unmarshal(b, &rec)
	}
	if err != nil {
		panic(err)
	}
	return Resume(rec, e.policy, e.now, Memory{Leases: e.leases, Resting: e.resting})
}

func (e *objects) store(l *Ledger) {
	d := l.Flush()
	e.record.Apply(&d)
	e.resting = l.Memory().Resting
}

// TestResume hands out, reports, loses objects before they are written and lets leases run out, with a ledger made anew
// each time: nothing is lost, no item is in two objects, and the list gets done.
func TestResume(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.Int64Range(1, 60).Draw(t, "size")
		e := &objects{now: time.Unix(1e9, 0), record: Record{Size: size, Epoch: 1}, policy: Policy{
			Blocks: BlockPolicy{Size: rapid.Int64Range(1, 12).Draw(t, "block")}, MaxAttempts: rapid.IntRange(1, 3).Draw(t, "attempts")}}
		counted := make([]int, size)
		take := func(written bool) bool {
			before, l := e.ledger(), e.ledger()
			g := l.Claim(e.now, Claim{Worker: "w"})
			e.store(l)
			if len(g.Leases) == 0 {
				return false
			}
			x := g.Leases[0]
			for _, other := range e.leases { // an object that was not deleted yet holds nothing any more
				if before.Holds(other.ID) && other.Range.Intersect(x.Range).Size() > 0 {
					t.Fatalf("%v goes out, and %v is out", x.Range, other.Range)
				}
			}
			if written {
				e.ids++
				x.ID, x.Deadline = e.ids, e.now.Add(time.Minute)
				e.leases = append(e.leases, x)
			}
			return true
		}
		// turnIn is done twice where the object is not deleted the first time.
		turnIn := func(i int, rep Report, deleted bool) {
			x := e.leases[i]
			l := e.ledger()
			tok := x.Token()
			tok.Epoch = e.record.Epoch
			rc := l.Report(e.now, tok, rep)
			e.store(l)
			for _, r := range rc.Done {
				for j := r.Start; j < r.End; j++ {
					if counted[j]++; counted[j] > 1 {
						t.Fatalf("item %d is counted twice", j)
					}
				}
			}
			if deleted {
				e.leases = append(e.leases[:i:i], e.leases[i+1:]...)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				l := e.ledger()
				l.check(t)
				if l.News() {
					t.Fatalf("looking is news: %+v", l.news)
				}
			},
			"take":               func(t *rapid.T) { take(true) },
			"take, crash before": func(t *rapid.T) { take(false) },
			"turn in": func(t *rapid.T) {
				if len(e.leases) == 0 {
					t.Skip("nothing is out")
				}
				i := rapid.IntRange(0, len(e.leases)-1).Draw(t, "lease")
				turnIn(i, Report{}, rapid.Bool().Draw(t, "deleted"))
			},
			"fail": func(t *rapid.T) {
				if len(e.leases) == 0 {
					t.Skip("nothing is out")
				}
				i := rapid.IntRange(0, len(e.leases)-1).Draw(t, "lease")
				x := e.leases[i]
				turnIn(i, Report{Failed: []FailedRange{{Range: x.Range, Reason: "exit status 1"}}}, rapid.Bool().Draw(t, "deleted"))
			},
			"time passes": func(*rapid.T) { e.now = e.now.Add(time.Minute) },
			"run out": func(t *rapid.T) {
				e.now = e.now.Add(2 * time.Minute)
				for len(e.leases) > 0 {
					turnIn(0, Report{Failed: []FailedRange{{Range: e.leases[0].Range, Reason: "its lease ran out"}}}, true)
				}
			},
		})
		for steps := 0; e.record.Done.Sum()+e.record.Failed.Sum() < size; steps++ {
			if steps > 10_000 {
				t.Fatalf("it does not end: %v", e.ledger().Explain(e.now, ""))
			}
			if !take(true) {
				e.now = e.now.Add(time.Minute) // all that is left rests
			}
			for len(e.leases) > 0 {
				turnIn(0, Report{}, true)
			}
		}
	})
}

// A straggler's block is in two hands: the first to turn it in counts, and the other has nothing any more.
func TestResumeTwins(t *testing.T) {
	now := time.Unix(1e9, 0)
	p := Policy{Blocks: BlockPolicy{Size: 10}, RedoStragglers: true}
	l := Resume(Record{Size: 10}, p, now, Memory{})
	first := l.Claim(now, Claim{Worker: "a"}).Leases[0]
	first.ID = 1
	rec := *l.Record()
	l = Resume(rec, p, now, Memory{Leases: []Lease{first}})
	second := l.Claim(now, Claim{Worker: "b"}).Leases[0]
	second.ID = 2
	if second.Range != first.Range || second.Attempt != first.Attempt {
		t.Fatalf("%+v is not %+v once more", second, first)
	}
	l = Resume(rec, p, now, Memory{Leases: []Lease{first, second}})
	if !l.Holds(1) || !l.Holds(2) {
		t.Fatal("not both hold the block")
	}
	if rc := l.Report(now, Token{Epoch: rec.Epoch, ID: 2, Range: second.Range, Attempt: 1, Worker: "b"}, Report{}); rc.Verdict != Accepted || rc.Items() != 10 {
		t.Fatalf("%+v", rc)
	}
	if l.Holds(1) || l.Holds(2) || l.Outcome().Phase != Complete {
		t.Errorf("a hold stays, or the list is %s", l.Outcome().Phase)
	}
}

// Of a straggler's block part was done by another, who gave back the rest. A third one gets that, and both hold it, whichever is
// resumed first.
func TestResumeTwinsOfPart(t *testing.T) {
	now := time.Unix(1e9, 0)
	p := Policy{Blocks: BlockPolicy{Size: 10}, RedoStragglers: true}
	rec := Record{Size: 10, Next: 10}
	rec.Done.Put(Range{0, 4}, struct{}{})
	first := Lease{ID: 1, Range: Range{0, 10}, Attempt: 1, Worker: "a"}
	l := Resume(rec, p, now, Memory{Leases: []Lease{first}})
	third := l.Claim(now, Claim{Worker: "c"}).Leases[0]
	third.ID = 2
	if third.Range != (Range{4, 10}) {
		t.Fatalf("%v goes out once more, and [0,4) is done", third.Range)
	}
	for _, leases := range [][]Lease{{first, third}, {third, first}} {
		l := Resume(rec, p, now, Memory{Leases: leases})
		if !l.Holds(1) || !l.Holds(2) {
			t.Errorf("%v: not both hold the block", leases)
		}
		if s := l.Status(now); s.Leased != 6 || s.Waiting != 0 {
			t.Errorf("%v: %d items are leased and %d wait", leases, s.Leased, s.Waiting)
		}
	}
}

// What the rate allows next is remembered from one ledger to the next.
func TestResumeRate(t *testing.T) {
	now := time.Unix(1e9, 0)
	p := Policy{Blocks: BlockPolicy{Size: 10}, ItemsPerSecond: 5}
	l := Resume(Record{Size: 100}, p, now, Memory{})
	if g := l.Claim(now, Claim{Worker: "a"}); len(g.Leases) != 1 {
		t.Fatalf("the first block: %+v", g)
	}
	for _, c := range []struct {
		after time.Duration
		none  None
	}{{0, NoneRateLimit}, {500 * time.Millisecond, NoneRateLimit}, {1100 * time.Millisecond, ""}} {
		again := Resume(*l.Record(), p, now.Add(c.after), Memory{Opens: l.Memory().Opens})
		if g := again.Claim(now.Add(c.after), Claim{Worker: "b"}); g.None != c.none {
			t.Errorf("after %s: %q (%s), want %q", c.after, g.None, g.Message, c.none)
		}
	}
}

// How fast items are done is remembered, be it a billion a second or one in a lifetime.
func TestResumePace(t *testing.T) {
	now := time.Unix(1e9, 0)
	p := Policy{Blocks: BlockPolicy{Target: 10 * time.Second}}
	for _, c := range []struct {
		size int64
		took time.Duration
	}{{1e12, time.Second}, {1, 1 << 62}} {
		l := Resume(Record{Size: MaxSize}, p, now, Memory{})
		x := l.Claim(now, Claim{Worker: "a", Bulk: c.size}).Leases[0]
		l.Report(now, x.Token(), Report{Done: []Range{x.Range}, Elapsed: c.took})
		if m := l.Memory(); m.PerItem <= 0 {
			t.Errorf("after %d items in %s an item is remembered to take %s", c.size, c.took, m.PerItem)
		}
	}
}

// OnlyAgain holds back what was never out, and nothing else.
func TestOnlyAgain(t *testing.T) {
	now := time.Unix(1e9, 0)
	p := Policy{Blocks: BlockPolicy{Size: 10}, OnlyAgain: "it is full"}
	l := Resume(Record{Size: 100, Next: 20}, p, now, Memory{})
	for _, want := range []Range{{0, 10}, {10, 20}} {
		if g := l.Claim(now, Claim{Worker: "a"}); len(g.Leases) != 1 || g.Leases[0].Range != want {
			t.Fatalf("%+v, want %v", g, want)
		}
	}
	if g := l.Claim(now, Claim{Worker: "a"}); g.None != NoneAllOut || !strings.Contains(g.Message, "it is full") {
		t.Errorf("%+v", g)
	}
}

// To make a ledger anew is no takeover, however often it is done: the record stays as it was, and there is nothing to write.
func TestResumeIsNoTakeover(t *testing.T) {
	for _, epoch := range []uint64{0, 1, 7} {
		rec := Record{Size: 10, Next: 4, Epoch: epoch, Floor: epoch / 2}
		for range 3 {
			l := Resume(rec, Policy{Lease: time.Minute}, time.Unix(1e9, 0), Memory{})
			if d := l.Flush(); !d.Empty() {
				t.Errorf("epoch %d: news %+v", epoch, d)
			}
			if got := l.Record(); got.Epoch != epoch || got.Floor != epoch/2 || got.Next != 4 {
				t.Errorf("epoch %d becomes %+v", epoch, got)
			}
			if g := l.Claim(time.Unix(1e9, 0), Claim{Worker: "w"}); len(g.Leases) != 1 || g.Leases[0].Epoch != epoch {
				t.Errorf("epoch %d grants %+v", epoch, g)
			}
		}
	}
}
