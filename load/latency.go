package load

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// latencies counts how long calls took, in a fixed space however many there are: a histogram whose buckets are as wide as
// 1/128 of what they hold, at least a microsecond. (After HdrHistogram, Gil Tene.) It is safe for concurrent use.
type latencies struct {
	counts [64 * fine]atomic.Int64
}

// fine is how many buckets there are for each power of two.
const fine = 128

// bucket is where a time belongs: below fine microseconds each has one of its own, beyond that each power of two has fine.
func bucket(micros uint64) int {
	shift := max(0, bits.Len64(micros)-bits.Len64(fine))
	return shift*fine + int(micros>>shift)
}

// least is the shortest time of a bucket, in microseconds.
func least(bucket int) uint64 {
	if bucket < 2*fine {
		return uint64(bucket)
	}
	shift := bucket/fine - 1
	return uint64(bucket-shift*fine) << shift
}

func (l *latencies) add(d time.Duration) { l.counts[bucket(uint64(max(0, d.Microseconds())))].Add(1) }

func (l *latencies) total() (n int64) {
	for i := range l.counts {
		n += l.counts[i].Load()
	}
	return n
}

// percentile is the time that p of a hundred calls took less than, in milliseconds; 0 if there was none. Others' calls are
// counted in.
func (l *latencies) percentile(p int64, others ...*latencies) float64 {
	all := append([]*latencies{l}, others...)
	var total, seen int64
	for _, x := range all {
		total += x.total()
	}
	for i := range l.counts {
		for _, x := range all {
			seen += x.counts[i].Load()
		}
		if seen > 0 && seen*100 > total*p {
			return float64(least(i)) / 1000
		}
	}
	return 0
}
