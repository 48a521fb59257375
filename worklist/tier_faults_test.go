package worklist

import (
	"testing"
	"time"
)

// A tier's workers are told what counted by the tier's books: so nobody else does its blocks a second time, and it does
// nobody's.
func TestTiersRedoNothing(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := New(20, Policy{Blocks: BlockPolicy{Size: 10}, RedoStragglers: true})
	tier := l.Claim(now, Claim{Worker: "tier", Bulk: 10})
	l.Claim(now, Claim{Worker: "w"})
	if g := l.Claim(now, Claim{Worker: "other", Bulk: 10}); len(g.Leases) > 0 {
		t.Errorf("a tier is given what another has: %v", g.Leases)
	}
	first := l.Claim(now, Claim{Worker: "v"})
	if len(first.Leases) != 1 || first.Leases[0].Range != (Range{10, 20}) {
		t.Errorf("a worker that is done is given %v", first.Leases)
	}
	if rc := l.Report(now, tier.Leases[0].Token(), Report{}); rc.Items() != 10 {
		t.Errorf("the tier's report: %+v", rc)
	}
}

// How many blocks a worker may hold is for workers: a tier holds the blocks of many, and holds them to it.
func TestATierHoldsTheBlocksOfMany(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := New(1000, Policy{Blocks: BlockPolicy{Size: 1}, BlocksPerWorker: 1})
	for range 3 {
		if g := l.Claim(now, Claim{Worker: "tier", Bulk: 10}); len(g.Leases) != 1 {
			t.Errorf("a tier: %+v", g)
		}
	}
	l.Claim(now, Claim{Worker: "w"})
	if g := l.Claim(now, Claim{Worker: "w"}); g.None != NoneWorkerLimit {
		t.Errorf("a worker: %+v", g)
	}
}

// The report that ends a list may be repeated after a lost answer, also where it speaks of failures.
func TestTheLastReportIsRepeated(t *testing.T) {
	now := time.Unix(1e9, 0)
	l := New(2, Policy{})
	tok := l.Claim(now, Claim{Worker: "tier", Bulk: 2}).Leases[0]
	rest := l.Claim(now, Claim{Worker: "tier", Bulk: 2}).Leases
	l.Report(now, tok.Token(), Report{})
	last := Report{Failed: []FailedRange{{Range: rest[0].Range, Reason: "poison", Final: true}}}
	if rc := l.Report(now, rest[0].Token(), last); rc.Verdict != Accepted || !l.Outcome().Over() {
		t.Fatalf("%+v, %+v", rc, l.Outcome())
	}
	if rc := l.Report(now, rest[0].Token(), last); rc.Verdict != Duplicate {
		t.Errorf("repeated: %+v", rc)
	}
}
