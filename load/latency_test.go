package load

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Each time is in a bucket that starts at or below it, and is no wider than 1/128 of it or a microsecond.
func TestBuckets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micros := uint64(rapid.Int64Range(0, math.MaxInt64/1000).Draw(t, "µs"))
		b := bucket(micros)
		from, next := least(b), least(b+1)
		if micros < from || micros >= next || next-from > max(1, micros/fine+1) {
			t.Fatalf("%d µs are in bucket %d, from %d to %d", micros, b, from, next)
		}
	})
}

func TestPercentiles(t *testing.T) {
	var l, none latencies
	for i := range 1000 {
		l.add(time.Duration(i) * time.Millisecond)
	}
	for p, want := range map[int64]float64{50: 500, 99: 990} {
		if got := l.percentile(p, &none); math.Abs(got-want) > want/100 {
			t.Errorf("p%d is %g ms, want about %g", p, got, want)
		}
	}
	if got := none.percentile(99); got != 0 {
		t.Errorf("of no calls: %g", got)
	}
}
