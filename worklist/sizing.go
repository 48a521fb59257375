package worklist

import "time"

// BlockPolicy sizes blocks: fixed, or aimed at a duration.
type BlockPolicy struct {
	Size     int64         // fixed number of items; 0: aim at Target
	Target   time.Duration // how long a worker should take for a block; default 10s
	Min, Max int64         // bounds of the size that is aimed at; defaults 1 and none
}

// growth bounds how much larger a block may be than the one before: the first blocks of a list are guesses.
const growth = 8

// pace is what is known of how fast items are done: by one worker, or by all.
type pace struct {
	perItem float64 // seconds, smoothed; 0: nothing is known
	last    int64   // size of the last block handed out on this knowledge
}

// observe takes in that n items took that long.
func (p *pace) observe(n int64, took time.Duration) {
	if n <= 0 || took <= 0 {
		return
	}
	perItem := took.Seconds() / float64(n)
	if p.perItem == 0 {
		p.perItem = perItem
		return
	}
	const weight = 0.3 // of the newest: three blocks make up two thirds
	p.perItem += weight * (perItem - p.perItem)
}

// next is the size of the next block for a worker of that pace, where left items remain that are not in anybody's hands
// and that many hands share them.
//
// Towards the end blocks shrink so that all workers finish together: each takes its share of half of what remains, as in
// factoring (Hummel, Schonberg, Flynn, "Factoring: a method for scheduling parallel loops", CACM 35(8), 1992). The result
// is at least Min and 1, whatever was measured, so a slow item makes blocks small, never empty.
func (b BlockPolicy) next(p pace, left int64, hands int) int64 {
	if b.Size > 0 {
		return b.Size
	}
	size := b.Min
	if p.perItem > 0 {
		if items := b.Target.Seconds() / p.perItem; items < float64(b.Max) {
			size = int64(items)
		} else {
			size = b.Max
		}
	}
	if p.last > 0 && p.last < MaxSize/growth {
		size = min(size, p.last*growth)
	}
	return max(1, b.Min, min(size, b.Max, share(left, hands)))
}

// share is a hand's part of half of what is left, rounded up.
func share(left int64, hands int) int64 { return (left + 2*int64(hands) - 1) / (2 * int64(hands)) }

// bulk is the size of a block for a tier that asks for so many items: a multiple of the fixed size, if there is one, and
// shrinking towards the end as all blocks do.
func (b BlockPolicy) bulk(want, left int64, hands int) int64 {
	size := min(want, share(left, hands))
	if b.Size > 0 {
		return max(b.Size, size-size%b.Size)
	}
	return max(1, b.Min, size)
}
