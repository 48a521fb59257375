package worklist

import "time"

// Policy is what the owner of a list wants of its ledger. It may be changed while the list runs, with
// [Ledger.SetPolicy]. Zero values take the defaults given.
type Policy struct {
	Blocks BlockPolicy

	Lease       time.Duration // how long a block may be held without a renewal; default 60s
	MaxAttempts int           // failures before a block is split, or a single item given up; default 3
	Backoff     Backoff

	BlocksPerWorker int     // most blocks one worker may hold; 0: no bound
	MaxBlocks       int     // most blocks out at a time; 0: no bound
	ItemsPerSecond  float64 // most items handed out per second, on average; 0: no bound

	Tolerance          Tolerance // items that may be given up before the list stops
	StopAtFirstSuccess bool      // a found value ends the list
	RedoStragglers     bool      // idle workers may do the oldest blocks again at the very end
	Deadline           time.Time // the list stops as failed then; zero: never
	Suspended          bool      // hand out nothing; what is out may be finished
	OnlyAgain          string    // why nothing fresh goes out, only what was out before, in words; "" for it does
	Cancelled          bool      // end the list
	WaitingFor         string    // why nothing may be handed out yet, in words: a list that comes first; "" for free to go
}

// Backoff is an exponential back-off: Initial (default 1s) after the first failure, doubled after each further one, at
// most Max (default 1m).
type Backoff struct {
	Initial, Max time.Duration
}

// rest is the back-off after the given number of failures, at least 1.
func (b Backoff) rest(failures int) time.Duration {
	d := b.Initial
	for range failures - 1 {
		if d >= b.Max {
			break
		}
		d *= 2
	}
	return min(d, b.Max)
}

// Tolerance is how many items may be given up: an absolute count, or a share of the list. The zero Tolerance has no
// bound.
type Tolerance struct {
	Bounded bool
	Count   int64
	Percent float64 // of the list's size, if above 0; Count is ignored then
}

// exceeded tells whether that many failed items are too many in a list of the given size, and how many would not be.
func (t Tolerance) exceeded(failed, size int64) (bool, int64) {
	bound := t.Count
	if t.Percent > 0 {
		bound = int64(float64(size) * t.Percent / 100)
	}
	return t.Bounded && failed > bound, bound
}

// withDefaults fills in the defaults.
func (p Policy) withDefaults() Policy {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&p.Lease, time.Minute)
	def(&p.Backoff.Initial, time.Second)
	def(&p.Backoff.Max, time.Minute)
	def(&p.Blocks.Target, 10*time.Second)
	p.Backoff.Max = max(p.Backoff.Max, p.Backoff.Initial)
	if p.MaxAttempts <= 0 {
		p.MaxAttempts = 3
	}
	p.Blocks.Min = max(1, p.Blocks.Min)
	if p.Blocks.Max <= 0 {
		p.Blocks.Max = MaxSize
	}
	p.Blocks.Max = max(p.Blocks.Max, p.Blocks.Min)
	return p
}

// Phase is where a list stands.
type Phase string

// The phases a list ends in. They are durable; that a list is suspended or waiting is its policy's word, not its record's.
const (
	Complete  Phase = "Complete"  // done + failed = [0,size), or stopped at the first success
	Failed    Phase = "Failed"    // too many failures, or past the deadline
	Cancelled Phase = "Cancelled" // by its owner
)

// The phases of a list that goes on.
const (
	Waiting   Phase = "Waiting"
	Suspended Phase = "Suspended"
	Active    Phase = "Active"
)

// Outcome is how a list ended. The zero Outcome is that of a list that goes on.
type Outcome struct {
	Phase  Phase     `json:"phase"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// Over tells whether the list has ended.
func (o Outcome) Over() bool { return o.Phase != "" }
