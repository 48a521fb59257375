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
		if got := strings.Join(s.Explain(s.now), " "); got != want {
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

func TestUntil(t *testing.T) {
	now := time.Unix(1e9, 0)
	for d, want := range map[time.Duration]string{-time.Second: "0s", 400 * time.Millisecond: "0s", 20 * time.Second: "20s", time.Minute: "1m",
		90 * time.Second: "1m30s", 10 * time.Minute: "10m", time.Hour: "1h", 20 * time.Hour: "20h", time.Hour + time.Second: "1h0m1s"} {
		if got := until(now, now.Add(d)); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
