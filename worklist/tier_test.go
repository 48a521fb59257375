package worklist

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// tier is a tier as an engine runs it: what its ledger counts is turned in upstream before it is answered.
type tier struct {
	name     string
	ledger   *Ledger
	epochs   uint64
	upstream []Token // blocks it holds there
	tokens   []Token // its workers'
	waiting  []answer
	voids    []Void
}

type answer struct {
	token Token
	rc    Receipt
}

// tree is an upstream, which never loses anything here, with two tiers below.
type tree struct {
	top     *Ledger
	policy  Policy
	now     time.Time
	tiers   [2]*tier
	counted []int
}

func (e *tree) restart(x *tier) {
	x.epochs++
	x.ledger = NewTier(e.top.rec.Size, x.epochs, e.policy)
	x.upstream, x.waiting, x.voids = nil, nil, nil // its workers' tokens are still in their hands
}

func (e *tree) supply(x *tier, bulk int64) {
	g := e.top.Claim(e.now, Claim{Worker: x.name, Bulk: bulk})
	for _, lease := range g.Leases {
		x.upstream = append(x.upstream, lease.Token())
		x.voids = append(x.voids, x.ledger.Admit(e.now, lease.Range))
	}
	x.ledger.Upstream(e.top.Unclaimed(), g.Message)
}

// commit turns in what is new, and answers those who wait for it.
func (e *tree) commit(t *rapid.T, x *tier) {
	d := x.ledger.Flush()
	var refused []Range
	for _, tok := range x.upstream {
		rep := Report{}
		for r := range d.Done.Within(tok.Range) {
			rep.Done = append(rep.Done, r)
		}
		for r, f := range d.Failed.Within(tok.Range) {
			rep.Failed = append(rep.Failed, FailedRange{r, f.Reason, true, f.Attempts})
		}
		if len(rep.Done)+len(rep.Failed) == 0 {
			continue
		}
		if rc := e.top.Report(e.now, tok, rep); rc.Verdict != Accepted && rc.Verdict != Duplicate {
			refused = append(refused, tok.Range)
		}
	}
	x.ledger.Confirm()
	for _, r := range refused {
		x.voids = append(x.voids, x.ledger.Expel(e.now, r))
	}
	for _, a := range x.waiting {
		if slices.ContainsFunc(x.voids, func(v Void) bool { return v.Hits(a.token) }) {
			continue // its worker is told so
		}
		for _, r := range a.rc.Done {
			for i := r.Start; i < r.End; i++ {
				if e.counted[i]++; e.counted[i] > 1 {
					t.Fatalf("item %d was acknowledged twice", i)
				}
				if !e.top.rec.Done.Covers(Range{i, i + 1}) {
					t.Fatalf("item %d was acknowledged, and is not done upstream", i)
				}
			}
		}
	}
	x.waiting, x.voids = nil, nil
}

// TestTiers runs two tiers on one list, with tiers lost and cut off, against the laws: no item is acknowledged twice, what
// is acknowledged is done upstream, and the list gets done.
func TestTiers(t *testing.T) { rapid.Check(t, tiers) }

// FuzzTiers is the same, led by what code is reached.
func FuzzTiers(f *testing.F) { f.Fuzz(rapid.MakeFuzz(tiers)) }

func tiers(t *rapid.T) {
	size := rapid.Int64Range(1, 80).Draw(t, "size")
	e := &tree{now: time.Unix(1e9, 0), counted: make([]int, size), policy: Policy{
		Blocks:      BlockPolicy{Size: rapid.Int64Range(0, 4).Draw(t, "block")},
		Lease:       time.Duration(rapid.IntRange(1, 60).Draw(t, "lease")) * time.Second,
		MaxAttempts: rapid.IntRange(1, 3).Draw(t, "attempts")}}
	e.top = New(size, e.policy)
	for i, name := range []string{"tier-a", "tier-b"} {
		e.tiers[i] = &tier{name: name}
		e.restart(e.tiers[i])
	}
	some := func(t *rapid.T) *tier { return rapid.SampledFrom(e.tiers[:]).Draw(t, "tier") }
	t.Repeat(map[string]func(*rapid.T){
		"": func(t *rapid.T) {
			e.top.check(t)
			for _, x := range e.tiers {
				x.ledger.check(t)
			}
		},
		"supply": func(t *rapid.T) { e.supply(some(t), rapid.Int64Range(1, 40).Draw(t, "bulk")) },
		"claim": func(t *rapid.T) {
			x := some(t)
			for _, lease := range x.ledger.Claim(e.now, Claim{Worker: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "worker")}).Leases {
				x.tokens = append(x.tokens, lease.Token())
			}
		},
		"report": func(t *rapid.T) {
			x := some(t)
			if len(x.tokens) == 0 {
				return
			}
			tok := rapid.SampledFrom(x.tokens).Draw(t, "token")
			x.waiting = append(x.waiting, answer{tok, x.ledger.Report(e.now, tok, drawReport(t, tok.Range))})
		},
		"commit": func(t *rapid.T) { e.commit(t, some(t)) },
		"renew": func(t *rapid.T) {
			x := some(t)
			for i, tok := range x.upstream {
				switch r := e.top.Renew(e.now, tok); r.Verdict {
				case Accepted:
					x.upstream[i] = r.Lease.Token()
				case Fenced:
					// What is still to be answered must hear of it at its commit: nothing to do here.
				}
			}
		},
		"spare": func(t *rapid.T) {
			x := some(t)
			e.commit(t, x)
			for _, r := range x.ledger.Spare(e.now) {
				for _, tok := range x.upstream {
					if rest := tok.Range.Intersect(r); rest == tok.Range {
						e.top.Report(e.now, tok, Report{Release: true})
					}
				}
			}
		},
		"time": func(t *rapid.T) {
			e.now = e.now.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "seconds")) * time.Second)
		},
		"lose a tier": func(t *rapid.T) { e.restart(some(t)) },
	})
	x := e.tiers[0]
	e.restart(x)
	for steps := 0; !e.top.Outcome().Over(); steps++ {
		if steps > 10_000 {
			t.Fatalf("it does not end: %s, %s", e.top.Explain(e.now, ""), x.ledger.Explain(e.now, ""))
		}
		e.supply(x, 7)
		g := x.ledger.Claim(e.now, Claim{Worker: "good"})
		for _, lease := range g.Leases {
			x.waiting = append(x.waiting, answer{lease.Token(), x.ledger.Report(e.now, lease.Token(), Report{})})
		}
		e.commit(t, x)
		if len(g.Leases) == 0 {
			e.now = e.now.Add(10 * time.Second)
			e.top.Tick(e.now)
		}
	}
}

// What its upstream took away is refused, what it still has is not.
func TestExpel(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := NewTier(100, 1, Policy{Blocks: BlockPolicy{Size: 10}})
	if g := l.Claim(now, Claim{Worker: "w"}); g.None != NoneAllOut {
		t.Fatalf("it hands out what it does not have: %+v", g)
	}
	l.Admit(now, Range{20, 50})
	g := l.Claim(now, Claim{Worker: "w", Blocks: 2})
	l.Expel(now, Range{20, 30})
	if rc := l.Report(now, g.Leases[0].Token(), Report{}); rc.Verdict != Fenced {
		t.Errorf("a block that was taken away: %+v", rc)
	}
	if rc := l.Report(now, g.Leases[1].Token(), Report{}); rc.Items() != 10 {
		t.Errorf("a block that is there: %+v", rc)
	}
	if spare := l.Spare(now); len(spare) != 1 || spare[0] != (Range{40, 50}) {
		t.Errorf("spare is %v", spare)
	}
}

// A tier's block is as large as it asks for, in multiples of the list's own size, and shrinks towards the end.
func TestBulk(t *testing.T) {
	for _, c := range []struct {
		fixed, want, left int64
		hands             int
		size              int64
	}{
		{fixed: 10, want: 1234, left: 1e9, hands: 1, size: 1230},
		{fixed: 10, want: 3, left: 1e9, hands: 1, size: 10},
		{want: 1234, left: 1e9, hands: 1, size: 1234},
		{want: 1000, left: 800, hands: 2, size: 200},
		{fixed: 64, want: 1000, left: 800, hands: 2, size: 192},
		{want: 1000, left: 1, hands: 5, size: 1},
	} {
		if got := (BlockPolicy{Size: c.fixed}).bulk(c.want, c.left, c.hands); got != c.size {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
