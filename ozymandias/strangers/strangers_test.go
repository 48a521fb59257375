package strangers

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var limits = Limits{Each: 1, EachAtOnce: 10, All: 20, AllAtOnce: 50}

// Whatever is tried, and from wherever, neither one source nor all together get more than their limits; who has rested a second is listened to
// if not all are too many; and what is kept of sources does not grow.
func TestStrangers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(limits)
		begin := time.Unix(1e9, 0)
		now, last := begin, map[int]time.Time{}
		all, each := 0, map[int]int{}
		sources := rapid.SampledFrom([]int{1, 30, 100000}).Draw(t, "sources")
		for _, pause := range rapid.SliceOfN(rapid.SampledFrom([]time.Duration{0, 0, 0, time.Millisecond, time.Second, time.Minute}), 1, 300).Draw(t, "pauses") {
			now = now.Add(pause)
			from := rapid.IntRange(1, sources).Draw(t, "source")
			admitted := s.Admit(fmt.Sprintf("10.%d.%d.%d:1", from>>16, from>>8&255, from&255), now)
			passed := now.Sub(begin).Seconds()
			if admitted {
				all++
				each[from]++
			} else if before, tried := last[from]; (!tried || now.Sub(before) >= time.Second) && pause >= time.Second {
				t.Fatal("refused after a rest")
			}
			last[from] = now
			if all > limits.AllAtOnce+int(passed*float64(limits.All)) || each[from] > limits.EachAtOnce+int(passed*float64(limits.Each)) {
				t.Fatalf("%d were let try in %.1f s, %d of them from one source", all, passed, each[from])
			}
			if len(s.each) > limits.AllAtOnce+limits.All*limits.EachAtOnce/limits.Each {
				t.Fatalf("%d sources are kept", len(s.each))
			}
		}
	})
}

// Many sources that try once each have the limit of all, and are forgotten when they have rested.
func TestManyStrangers(t *testing.T) {
	s, now := New(limits), time.Unix(1e9, 0)
	crowd := func(network int) (admitted int) {
		for i := range 1000 {
			if s.Admit(fmt.Sprintf("10.%d.%d.%d:1", network, i>>8, i&255), now) {
				admitted++
			}
		}
		return admitted
	}
	if n := crowd(1); n != limits.AllAtOnce {
		t.Errorf("at once %d were let try, want %d", n, limits.AllAtOnce)
	}
	now = now.Add(time.Second)
	if n := crowd(2); n != limits.All {
		t.Errorf("a second later %d were let try, want %d", n, limits.All)
	}
	now = now.Add(time.Minute)
	if admitted := s.Admit("10.3.0.1:1", now); !admitted || len(s.each) != 1 {
		t.Errorf("after a rest: %t, and %d sources are kept", admitted, len(s.each))
	}
}

// A machine with many addresses is one source.
func TestSource(t *testing.T) {
	for _, c := range []struct {
		a, b string
		one  bool
	}{
		{"192.0.2.1:1", "192.0.2.1:2", true},
		{"192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
		{"192.0.2.1:1", "192.0.2.2:1", false},
		{"[2001:db8::1]:1", "[2001:db8::ffff:2]:1", true},
		{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"[fe80::1%eth0]:1", "[fe80::2%eth1]:1", true},
		{"@", "", true}, // Unix sockets
	} {
		if (source(c.a) == source(c.b)) != c.one {
			t.Errorf("%s and %s are %v and %v", c.a, c.b, source(c.a), source(c.b))
		}
	}
}
