package worklist

import (
	"strings"
	"testing"
	"time"
)

// Explanations are sentences: one of a thing is not several, and durations are as people write them.
func TestExplain(t *testing.T) {
	s := tell(t, 6, Policy{Blocks: BlockPolicy{Size: 5}, Lease: time.Minute})
	says := func(want string) {
		t.Helper()
		if got := strings.Join(s.Explain(s.now, ""), " "); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
	says("6 items are free to be taken, but no worker asks for them: start one with `teamtask work`.")
	s.take("w", 0, 5)
	says("1 worker holds 1 block with 5 items. The next lease to run out is that of worker w on [0,5), in 1m. 1 item is free to be taken.")
	s.take("v", 5, 6)
	says("2 workers hold 2 blocks with 6 items. The next lease to run out is that of worker w on [0,5), in 1m. " +
		"Everything else is done: the list waits for what is out.")
}

// Of leases that are the engine's to end nothing is said about their end. An engine may know why no worker asks; and a ledger says
// it where its policy lets nothing fresh out.
func TestExplainAnew(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, c := range []struct {
		policy Policy
		leases []Lease
		rest   Range
		idle   string
		want   string
	}{
		{leases: []Lease{{ID: 1, Range: Range{0, 5}, Attempt: 1, Worker: "w"}},
			want: "1 worker holds 1 block with 5 items. 5 items are free to be taken."},
		{idle: "its pods crash", want: "10 items are free to be taken, but its pods crash."},
		{policy: Policy{Suspended: true}, idle: "its pods crash",
			want: "The list is suspended: nothing is handed out until it is resumed. 10 items are free to be taken."},
		{policy: Policy{OnlyAgain: "the record is full"}, leases: []Lease{{ID: 1, Range: Range{0, 5}, Attempt: 1, Worker: "w"}},
			want: "Nothing that was never out goes out: the record is full. 1 worker holds 1 block with 5 items. 5 items are free to be taken."},
		{policy: Policy{ItemsPerSecond: 2}, want: "10 items are free to be taken, but no worker asks for them: start one with `teamtask work`. " +
			"It is limited to 2 items per second."},
		{leases: []Lease{{ID: 1, Range: Range{0, 5}, Attempt: 1, Worker: "w"}}, rest: Range{5, 10},
			want: "1 worker holds 1 block with 5 items. 5 items rest after a failure, the next for 30s."},
	} {
		rec := Record{Size: 20, Next: 10, Epoch: 1}
		if c.policy.OnlyAgain == "" { // nothing is fresh
			rec.Next = 20
			rec.Done.Put(Range{10, 20}, struct{}{})
		}
		l := Resume(rec, c.policy, now, Memory{Leases: c.leases, Resting: []Rest{{c.rest, now.Add(30 * time.Second)}}})
		if got := strings.Join(l.Explain(now, c.idle), " "); got != c.want {
			t.Errorf("%s\nwant %s", got, c.want)
		}
	}
}

func TestUntil(t *testing.T) {
	now := time.Unix(1e9, 0)
	for d, want := range map[time.Duration]string{-time.Second: "0s", 400 * time.Millisecond: "0s", 20 * time.Second: "20s", time.Minute: "1m",
		90 * time.Second: "1m30s", 10 * time.Minute: "10m", time.Hour: "1h", 20 * time.Hour: "20h", time.Hour + time.Second: "1h0m1s"} {
		if got := until(now, now.Add(d)); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
