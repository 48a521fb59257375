package worklist

import (
	"math"
	"time"
)

// bucket limits items per second: it fills at that rate up to a second's worth, and a block may be taken while there is
// anything in it, leaving it in debt. So the average holds whatever the block size.
type bucket struct {
	level float64
	at    time.Time
}

// opens is when the next block may be taken, now or later.
func (b *bucket) opens(now time.Time, rate float64) time.Time {
	if b.at.IsZero() {
		b.level = rate
	} else {
		b.level = min(rate, b.level+now.Sub(b.at).Seconds()*rate)
	}
	b.at = now
	if b.level > 0 {
		return now
	}
	wait := min((1e-3-b.level)/rate, math.MaxInt64/2/float64(time.Second))
	return now.Add(time.Duration(wait * float64(time.Second)))
}

func (b *bucket) take(n int64) { b.level -= float64(n) }

// meter measures items per second as a moving average that forgets with a time constant of tau. While it is younger than
// that it is the plain average.
type meter struct {
	rate  float64
	at    time.Time
	since time.Time
}

const tau = 15 * time.Second

// start begins to measure, unless it has begun.
func (m *meter) start(now time.Time) {
	if m.since.IsZero() {
		m.since, m.at = now, now
	}
}

func (m *meter) add(now time.Time, n int64) {
	m.start(now)
	m.rate = m.rate*m.fade(now.Sub(m.at)) + float64(n)/tau.Seconds()
	m.at = now
}

func (m *meter) read(now time.Time) float64 {
	age := now.Sub(m.since)
	if m.since.IsZero() || age <= 0 {
		return 0
	}
	return m.rate * m.fade(now.Sub(m.at)) / (1 - m.fade(age)) // the weights of a young average do not add up to 1
}

func (*meter) fade(d time.Duration) float64 { return math.Exp(-d.Seconds() / tau.Seconds()) }
