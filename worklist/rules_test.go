package worklist

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// story is a ledger with a clock, for tests that tell one rule.
type story struct {
	*testing.T
	*Ledger
	now time.Time
}

func tell(t *testing.T, size int64, p Policy) *story {
	return &story{t, New(size, p), time.Unix(1e9, 0)}
}

func (s *story) claim(worker string, blocks int) Grant {
	s.Helper()
	return s.Claim(s.now, Claim{Worker: worker, Blocks: blocks})
}

// take claims one block and expects that range.
func (s *story) take(worker string, start, end int64) Token {
	s.Helper()
	g := s.claim(worker, 1)
	if len(g.Leases) != 1 || g.Leases[0].Range != (Range{start, end}) {
		s.Fatalf("worker %s gets %+v, want [%d,%d)", worker, g, start, end)
	}
	return g.Leases[0].Token()
}

// none claims and expects nothing, for that reason.
func (s *story) none(worker string, why None) Grant {
	s.Helper()
	g := s.claim(worker, 1)
	if g.None != why || g.Message == "" {
		s.Fatalf("worker %s gets %+v, want nothing because %s", worker, g, why)
	}
	return g
}

func (s *story) report(tok Token, r Report, want Verdict) Receipt {
	s.Helper()
	rc := s.Report(s.now, tok, r)
	if rc.Verdict != want {
		s.Fatalf("report of %v: %+v, want %s", tok.Range, rc, want)
	}
	return rc
}

func (s *story) done(tok Token) { s.Helper(); s.report(tok, Report{}, Accepted) }

func (s *story) fail(tok Token) {
	s.Helper()
	s.report(tok, Report{Failed: []FailedRange{{tok.Range, "exit status 1", false, 0}}}, Accepted)
}

func (s *story) pass(d time.Duration) { s.now = s.now.Add(d); s.Tick(s.now) }

func (s *story) ended(p Phase, reason string) {
	s.Helper()
	if o := s.Outcome(); o.Phase != p || !strings.Contains(o.Reason, reason) {
		s.Fatalf("it ended as %+v, want %s: %s", o, p, reason)
	}
}

func fixed(size int64) Policy { return Policy{Blocks: BlockPolicy{Size: size}} }

func TestBlocksMergeUntilOneRangeIsLeft(t *testing.T) {
	s := tell(t, 30, fixed(10))
	a, b, c := s.take("a", 0, 10), s.take("b", 10, 20), s.take("c", 20, 30)
	s.none("d", NoneAllOut)
	s.done(a)
	s.done(c)
	if got := FormatRanges(&s.Record().Done); got != "0+10 10+10" {
		t.Errorf("done %s", got)
	}
	s.done(b)
	s.ended(Complete, "all items are done")
	if b, _ := json.Marshal(s.Record()); len(b) > 1024 || FormatRanges(&s.Record().Done) != "0+30" {
		t.Errorf("record %s", b)
	}
}

func TestARepeatedCompletionCountsOnce(t *testing.T) {
	s := tell(t, 20, fixed(10))
	a := s.take("a", 0, 10)
	s.done(a)
	if rc := s.report(a, Report{}, Duplicate); rc.Items() != 0 {
		t.Errorf("%+v", rc)
	}
}

func TestLateButNotHandedOutAgain(t *testing.T) {
	s := tell(t, 10, fixed(10))
	a := s.take("a", 0, 10)
	s.pass(time.Minute)
	if s.Status(s.now).Waiting != 10 {
		t.Fatal("the lease did not run out")
	}
	s.done(a)
	s.ended(Complete, "")
}

func TestLateAndHandedOutAgainIsFenced(t *testing.T) {
	s := tell(t, 10, fixed(10))
	a := s.take("a", 0, 10)
	s.pass(time.Minute)
	s.pass(time.Second) // the back-off
	b := s.take("b", 0, 10)
	if b.Attempt != 2 {
		t.Errorf("attempt %d", b.Attempt)
	}
	s.report(a, Report{}, Fenced)
	if r := s.Renew(s.now, a); r.Verdict != Fenced {
		t.Errorf("%+v", r)
	}
	s.done(b)
	s.ended(Complete, "")
}

func TestAForeignRangeIsRefused(t *testing.T) {
	s := tell(t, 30, fixed(10))
	a := s.take("a", 0, 10)
	for _, r := range []Range{{0, 11}, {-1, 5}, {5, 5}, {9, 3}, {20, 30}} {
		s.report(a, Report{Done: []Range{r}}, Invalid)
		s.report(a, Report{Failed: []FailedRange{{Range: r}}}, Invalid)
	}
	s.report(a, Report{Found: []Found{{Index: 10}}}, Invalid)
}

func TestRenewalKeepsABlock(t *testing.T) {
	s := tell(t, 10, fixed(10))
	a := s.take("a", 0, 10)
	for range 10 {
		s.pass(50 * time.Second)
		if r := s.Renew(s.now, a); r.Verdict != Accepted {
			t.Fatalf("%+v", r)
		}
	}
	s.done(a)
}

func TestPartialCompletionSurvivesTheLease(t *testing.T) {
	s := tell(t, 10, fixed(10))
	a := s.take("a", 0, 10)
	s.report(a, Report{Done: []Range{{0, 7}}}, Accepted)
	s.report(a, Report{Done: []Range{{0, 7}}}, Duplicate)
	s.pass(time.Minute)
	s.pass(time.Second)
	s.done(s.take("b", 7, 10))
	s.ended(Complete, "")
}

func TestReleaseIsNobodysFault(t *testing.T) {
	s := tell(t, 10, Policy{Blocks: BlockPolicy{Size: 10}, MaxAttempts: 1})
	for i := range 5 {
		tok := s.take("a", 0, 10)
		if tok.Attempt != i+1 {
			t.Errorf("attempt %d", tok.Attempt)
		}
		s.report(tok, Report{Release: true}, Accepted)
	}
	s.done(s.take("a", 0, 10))
	s.ended(Complete, "all items are done")
}

func TestBackOffGrows(t *testing.T) {
	s := tell(t, 1, Policy{MaxAttempts: 10, Backoff: Backoff{Initial: time.Second, Max: 5 * time.Second}})
	for _, rest := range []time.Duration{1, 2, 4, 5, 5} {
		s.fail(s.take("a", 0, 1))
		s.pass(rest*time.Second - time.Millisecond)
		s.none("a", NoneResting)
		s.pass(time.Millisecond)
	}
	s.take("a", 0, 1)
}

// A poison item takes nothing with it: its block is halved until it stands alone, in a bounded number of attempts.
func TestAPoisonItemEndsAlone(t *testing.T) {
	const size, poison = 1000, 637
	s := tell(t, size, fixed(size))
	attempts := 0
	for s.Outcome().Phase == "" {
		g := s.claim("a", 1)
		if len(g.Leases) == 0 {
			s.pass(time.Minute)
			continue
		}
		tok := g.Leases[0].Token()
		if tok.Range.Contains(Range{poison, poison + 1}) {
			if attempts++; attempts > 20 {
				t.Fatal("it goes on for ever")
			}
			s.fail(tok)
		} else {
			s.done(tok)
		}
	}
	s.ended(Complete, "999 done, 1 failed")
	if got := FormatRanges(&s.Record().Failed); got != fmt.Sprintf("%d+1", poison) {
		t.Errorf("failed %s", got)
	}
	if f, _ := s.Record().Failed.Get(poison); f.Reason != "exit status 1" || f.Attempts != attempts {
		t.Errorf("%+v after %d attempts", f, attempts)
	}
}

// A failure that names its item needs no splitting.
func TestANamedFailureStandsAloneAtOnce(t *testing.T) {
	s := tell(t, 10, Policy{Blocks: BlockPolicy{Size: 10}, MaxAttempts: 2})
	a := s.take("a", 0, 10)
	s.report(a, Report{Done: []Range{{0, 4}, {5, 10}}, Failed: []FailedRange{{Range{4, 5}, "bad", false, 0}}}, Accepted)
	s.pass(time.Second)
	s.fail(s.take("a", 4, 5))
	s.ended(Complete, "9 done, 1 failed")
}

// What people read of a failure is how often the item was tried, and not how often it was out.
func TestAttemptsOfAFailure(t *testing.T) {
	s := tell(t, 1, Policy{Blocks: BlockPolicy{Size: 1}, MaxAttempts: 3})
	said := func(want int) {
		t.Helper()
		if f, _ := s.Record().Failed.Get(0); f.Attempts != want {
			t.Errorf("%+v, want %d attempts", f, want)
		}
	}
	last := 0
	out := func() Token {
		t.Helper()
		s.pass(time.Minute)
		tok := s.take("a", 0, 1)
		if tok.Attempt <= last {
			t.Errorf("attempt %d comes after %d", tok.Attempt, last) // an old lease could be taken for it
		}
		last = tok.Attempt
		return tok
	}

	t.Log("It was given back twice, which is none.")
	for range 2 {
		s.report(out(), Report{Release: true}, Accepted)
	}
	for range 3 {
		s.fail(out())
	}
	said(3)

	t.Log("A tier has tried it three times.")
	final := Report{Failed: []FailedRange{{Range{0, 1}, "exit status 1", true, 3}}}
	s.Retry(s.now)
	s.report(out(), final, Accepted)
	said(3)

	t.Log("One was lost before, with its lease.")
	s.Retry(s.now)
	out()
	s.pass(time.Minute)
	s.report(out(), final, Accepted)
	said(4)
}

func TestRetryReopensTheList(t *testing.T) {
	s := tell(t, 2, Policy{Blocks: BlockPolicy{Size: 1}, MaxAttempts: 1})
	s.fail(s.take("a", 0, 1))
	s.done(s.take("a", 1, 2))
	s.ended(Complete, "1 done, 1 failed")
	if n := s.Retry(s.now); n != 1 {
		t.Fatalf("%d retried", n)
	}
	s.done(s.take("a", 0, 1))
	s.ended(Complete, "all items are done")
}

func TestLimits(t *testing.T) {
	s := tell(t, 100, Policy{Blocks: BlockPolicy{Size: 1}, BlocksPerWorker: 2, MaxBlocks: 3})
	a := s.claim("a", 10)
	if len(a.Leases) != 2 {
		t.Fatalf("%d leases", len(a.Leases))
	}
	if g := s.none("a", NoneWorkerLimit); !strings.Contains(g.Message, "worker a holds 2 blocks") {
		t.Error(g.Message)
	}
	s.take("b", 2, 3)
	s.none("b", NoneBlockLimit)
	s.done(a.Leases[0].Token())
	s.take("b", 3, 4)
}

func TestItemsPerSecond(t *testing.T) {
	s := tell(t, 1000, Policy{Blocks: BlockPolicy{Size: 10}, ItemsPerSecond: 20})
	var items int64
	for range 1000 {
		g := s.claim("a", 1)
		for _, x := range g.Leases {
			items += x.Range.Size()
			s.done(x.Token())
		}
		if len(g.Leases) == 0 && (g.None != NoneRateLimit || !g.Retry.After(s.now)) {
			t.Fatalf("%+v", g)
		}
		s.pass(10 * time.Millisecond)
	}
	if items < 200 || items > 230 { // 10 s at 20 a second, and a second's worth to begin with
		t.Errorf("%d items in 10 s", items)
	}
}

func TestPauseAndResume(t *testing.T) {
	s := tell(t, 20, fixed(10))
	a := s.take("a", 0, 10)
	p := fixed(10)
	p.Suspended = true
	s.SetPolicy(s.now, p)
	s.none("b", NoneSuspended)
	s.done(a) // what is out may be finished
	s.SetPolicy(s.now, fixed(10))
	s.take("b", 10, 20)
}

func TestCancel(t *testing.T) {
	s := tell(t, 20, fixed(10))
	a := s.take("a", 0, 10)
	p := fixed(10)
	p.Cancelled = true
	s.SetPolicy(s.now, p)
	s.ended(Cancelled, "")
	s.report(a, Report{}, Over)
	s.none("a", NoneOver)
}

func TestWaitingForAnotherList(t *testing.T) {
	p := fixed(10)
	p.WaitingFor = "it comes after first"
	s := tell(t, 10, p)
	s.none("a", NoneAfter)
}

func TestDeadline(t *testing.T) {
	p := fixed(10)
	p.Deadline = time.Unix(1e9+60, 0)
	s := tell(t, 10, p)
	s.take("a", 0, 10)
	if !s.Wake().Equal(p.Deadline) {
		t.Errorf("wakes at %s", s.Wake())
	}
	s.pass(time.Minute)
	s.ended(Failed, "its deadline passed")
}

func TestTolerance(t *testing.T) {
	for _, c := range []struct {
		tolerance Tolerance
		failures  int
		want      Phase
	}{
		{Tolerance{}, 10, Complete},
		{Tolerance{Bounded: true, Count: 2}, 2, Complete},
		{Tolerance{Bounded: true, Count: 2}, 3, Failed},
		{Tolerance{Bounded: true}, 1, Failed},
		{Tolerance{Bounded: true, Percent: 20}, 2, Complete},
		{Tolerance{Bounded: true, Percent: 20}, 3, Failed},
	} {
		s := tell(t, 10, Policy{Blocks: BlockPolicy{Size: 1}, MaxAttempts: 1, Tolerance: c.tolerance})
		for i := range int64(10) {
			if s.Outcome().Over() {
				break
			}
			if tok := s.take("a", i, i+1); int(i) < c.failures {
				s.fail(tok)
			} else {
				s.done(tok)
			}
		}
		s.ended(c.want, "")
	}
}

func TestStopAtTheFirstSuccess(t *testing.T) {
	p := fixed(10)
	p.StopAtFirstSuccess = true
	s := tell(t, 100, p)
	a, b := s.take("a", 0, 10), s.take("b", 10, 20)
	s.report(a, Report{Done: []Range{{0, 10}}, Found: []Found{{Index: 7, Value: "secret"}}}, Accepted)
	s.ended(Complete, `stopped at the first success: "secret" in item 7`)
	s.none("c", NoneOver)
	s.report(b, Report{}, Over)
}

func TestStragglersAreDoneAgain(t *testing.T) {
	p := fixed(10)
	p.RedoStragglers = true
	s := tell(t, 20, p)
	slow := s.take("slow", 0, 10)
	s.pass(time.Second)
	s.take("other", 10, 20)
	again := s.take("idle", 0, 10) // the oldest
	s.take("idle", 10, 20)
	s.none("third", NoneAllOut) // two hands a block are enough
	s.done(again)
	if rc := s.report(slow, Report{}, Duplicate); rc.Items() != 0 {
		t.Errorf("%+v", rc)
	}
}

func TestBlockSize(t *testing.T) {
	b := Policy{}.withDefaults().Blocks
	for _, c := range []struct {
		name  string
		b     BlockPolicy
		p     pace
		left  int64
		hands int
		want  int64
	}{
		{"fixed", BlockPolicy{Size: 7}, pace{perItem: 100}, 1 << 40, 1, 7},
		{"unknown pace: the smallest", b, pace{}, 1 << 40, 1, 1},
		{"aimed at 10 s", b, pace{perItem: 0.01}, 1 << 40, 1, 1000},
		{"a slow item makes small blocks, not empty ones", b, pace{perItem: 1e6}, 1 << 40, 1, 1},
		{"grows in steps", b, pace{perItem: 1e-9, last: 10}, 1 << 40, 1, 80},
		{"shrinks towards the end", b, pace{perItem: 0.01}, 100, 5, 10},
		{"but not below the minimum", BlockPolicy{Target: b.Target, Min: 30, Max: MaxSize}, pace{perItem: 0.01}, 100, 5, 30},
		{"nor above the maximum", BlockPolicy{Target: b.Target, Min: 1, Max: 50}, pace{perItem: 0.01}, 1 << 40, 1, 50},
		{"at the very end", b, pace{perItem: 0.01}, 0, 5, 1},
		{"immeasurably fast", b, pace{perItem: 1e-300}, MaxSize, 1, MaxSize/2 + 1},
	} {
		if got := c.b.next(c.p, c.left, c.hands); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

// The size follows each worker's own pace.
func TestBlockSizeFollowsTheWorker(t *testing.T) {
	s := tell(t, 1<<40, Policy{})
	sizes := map[string]int64{}
	for range 20 {
		for name, perItem := range map[string]time.Duration{"quick": time.Millisecond, "slow": time.Second} {
			g := s.claim(name, 1)
			r := g.Leases[0].Range
			sizes[name] = r.Size()
			s.report(g.Leases[0].Token(), Report{Done: []Range{r}, Elapsed: time.Duration(r.Size()) * perItem}, Accepted)
		}
	}
	if sizes["quick"] < 9_000 || sizes["quick"] > 11_000 || sizes["slow"] < 9 || sizes["slow"] > 11 {
		t.Errorf("%v", sizes)
	}
}

func TestARepeatedClaimGetsTheSameLeases(t *testing.T) {
	s := tell(t, 100, Policy{Blocks: BlockPolicy{Size: 10}, BlocksPerWorker: 2})
	first := s.Claim(s.now, Claim{Worker: "a", Blocks: 2, Request: "1"})
	again := s.Claim(s.now, Claim{Worker: "a", Blocks: 2, Request: "1"})
	if fmt.Sprint(first.Leases) != fmt.Sprint(again.Leases) {
		t.Errorf("%v, then %v", first.Leases, again.Leases)
	}
	s.none("a", NoneWorkerLimit)
}

// After a takeover what was out is in doubt: its holder may still turn it in or renew its lease, and when the longest
// lease has run out it goes out again. What was never out goes out at once.
func TestTakeover(t *testing.T) {
	s := tell(t, 1000, Policy{Blocks: BlockPolicy{Size: 10}})
	a, b, c := s.take("a", 0, 10), s.take("b", 10, 20), s.take("c", 20, 30)
	rec := *s.Record()
	next := rec.Next
	s.Ledger = Restore(rec, Policy{Blocks: BlockPolicy{Size: 10}}, s.now, true)

	s.take("d", next, next+10)
	s.done(a)
	r := s.Renew(s.now, b)
	if r.Verdict != Accepted {
		t.Fatalf("%+v", r)
	}
	s.pass(50 * time.Second)
	s.Renew(s.now, r.Lease.Token())
	s.pass(10 * time.Second)
	e := s.take("e", 20, 30) // in doubt until now
	s.report(c, Report{}, Fenced)
	s.done(e)
	s.done(r.Lease.Token())
	if got := FormatRanges(&s.Record().Done); got != "0+30" {
		t.Errorf("done %s", got)
	}
}

func TestTokens(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	s := NewSealer(secret, "list-1")
	tok := Token{Epoch: 3, ID: 7, Range: Range{1 << 52, 1<<53 - 1}, Attempt: 2, Deadline: time.UnixMilli(1e12), Worker: "a"}
	text := s.Seal(tok)
	if got, err := s.Open(text, "a"); err != nil || got != tok {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, try := range map[string]func() (Token, error){
		"another worker":   func() (Token, error) { return s.Open(text, "b") },
		"another list":     func() (Token, error) { return NewSealer(secret, "list-2").Open(text, "a") },
		"another server's": func() (Token, error) { return NewSealer([]byte("x"), "list-1").Open(text, "a") },
		"cut":              func() (Token, error) { return s.Open(text[:len(text)-2], "a") },
		"empty":            func() (Token, error) { return s.Open("", "a") },
		"long":             func() (Token, error) { return s.Open(strings.Repeat("A", 1000), "a") },
		"no base64":        func() (Token, error) { return s.Open("!"+text[1:], "a") },
	} {
		if got, err := try(); err != ErrToken {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for i := range text { // any letter changed
		b := []byte(text)
		b[i] ^= 1
		if got, err := s.Open(string(b), "a"); err == nil {
			t.Errorf("letter %d changed: %+v", i, got)
		}
	}
}

func BenchmarkClaimAndReport(b *testing.B) {
	b.ReportAllocs()
	l := New(MaxSize, fixed(1))
	now := time.Unix(1e9, 0)
	for range b.N {
		g := l.Claim(now, Claim{Worker: "a", Blocks: 1})
		l.Report(now, g.Leases[0].Token(), Report{})
	}
}

func BenchmarkSealAndOpen(b *testing.B) {
	b.ReportAllocs()
	s := NewSealer([]byte("secret"), "list")
	tok := Token{Epoch: 3, ID: 1e6, Range: Range{1e9, 1e9 + 1}, Attempt: 1, Deadline: time.UnixMilli(1e12), Worker: "load-1"}
	for range b.N {
		if _, err := s.Open(s.Seal(tok), "load-1"); err != nil {
			b.Fatal(err)
		}
	}
}

// After Close, what was reserved ahead is not to be relied on any more, also while that is on its way to the store.
func TestAClaimAfterCloseReservesAnew(t *testing.T) {
	s := tell(t, 1000, fixed(10))
	for range 3 { // so that more is reserved than handed out
		s.claim("a", 1)
		s.Flush()
		s.Confirm()
	}
	if s.Record().Next <= 30 {
		t.Fatalf("next is %d", s.Record().Next)
	}
	s.Close()
	s.Flush()
	if g := s.claim("a", 1); !g.Durable {
		t.Error("a block is given out that the record, once closed, does not know of")
	}
}

// The speed is right from the beginning, and follows.
func TestSpeed(t *testing.T) {
	s := tell(t, 1<<40, fixed(10))
	run := func(seconds int) float64 {
		for range seconds {
			tok := s.claim("a", 1).Leases[0].Token()
			s.pass(time.Second)
			s.done(tok)
		}
		return s.Status(s.now).Speed
	}
	for _, seconds := range []int{1, 2, 10, 100} {
		if got := run(seconds); got < 9.5 || got > 11 {
			t.Errorf("after %d s more: %g items/s, want 10", seconds, got)
		}
	}
	s.pass(10 * time.Minute)
	if got := s.Status(s.now).Speed; got > 0.01 {
		t.Errorf("after 10 idle minutes: %g items/s", got)
	}
}
