package worklist

import (
	"encoding/json"
	"fmt"
	"time"
)

// Record is the durable state of a worklist: everything needed to go on after a crash. It is a checkpoint; a [Delta] is
// what changed since. Its size depends on how scattered done and failed are, not on how long the list is.
//
// Invariant: Done, Retry and Failed are disjoint and below Next, and Next <= Size.
type Record struct {
	Size   int64
	Next   int64         // every index below may have been handed out; none at or above has been
	Epoch  uint64        // takeovers so far
	Floor  uint64        // leases of earlier epochs than this are void: their items may have gone out again
	Lease  time.Duration // the longest lease ever granted in this list
	Done   Set
	Retry  Map[Try]
	Failed Map[Failure]
	Found  []Found // at most MaxFound
	End    Outcome // zero while the list goes on
}

// Try is what is remembered of a range that failed and goes out again.
type Try struct {
	Attempts int    // how often it has failed or expired; only ever grows, so that an old attempt is known as one
	Forgiven int    // how many of them are nobody's fault: given back, or the owner had it tried again
	Size     int64  // the largest block it goes out in; 0 for no bound. Halved on each split.
	Reason   string // of the last failure
}

// Failure is what is remembered of a range given up on. It was out as often as Attempts and Forgiven say together, or less often:
// whoever had it may have tried several times.
type Failure struct {
	Attempts int // how often it was tried, since the owner last had it tried again
	Forgiven int // how often it was out beside that
	Reason   string
}

// Found is a value a worker found in an item.
type Found struct {
	Index  int64  `json:"index"`
	Value  string `json:"value"`
	Worker string `json:"worker,omitempty"`
}

// MaxFound is how many found values a record holds. Further ones are counted as results only.
const MaxFound = 100

// Delta is news: what became of indexes, and other changes, since the last one. It is to be written in one piece.
//
// Invariant: its ranges are disjoint, each index being where it is last, so the order of applying them does not matter.
type Delta struct {
	Next   int64  // 0: unchanged
	Epoch  uint64 // 0: unchanged, as with the next two
	Floor  uint64
	Lease  time.Duration
	Done   Set
	Retry  Map[Try]
	Failed Map[Failure]
	Found  []Found  // further ones
	End    *Outcome // nil: unchanged
}

// Empty tells whether there is no news.
func (d *Delta) Empty() bool {
	return d.Next == 0 && d.Epoch == 0 && d.Floor == 0 && d.Lease == 0 && d.Done.Len() == 0 && d.Retry.Len() == 0 &&
		d.Failed.Len() == 0 && len(d.Found) == 0 && d.End == nil
}

// Apply folds the news into the record.
func (r *Record) Apply(d *Delta) {
	if d.Next != 0 {
		r.Next = d.Next
	}
	if d.Epoch != 0 {
		r.Epoch = d.Epoch
	}
	if d.Floor != 0 {
		r.Floor = d.Floor
	}
	if d.Lease != 0 {
		r.Lease = d.Lease
	}
	for x := range d.Done.All() {
		r.Retry.Delete(x)
		r.Failed.Delete(x)
		r.Done.Put(x, struct{}{})
	}
	for x, try := range d.Retry.All() {
		r.Failed.Delete(x)
		r.Retry.Put(x, try)
	}
	for x, f := range d.Failed.All() {
		r.Retry.Delete(x)
		r.Failed.Put(x, f)
	}
	r.Found = append(r.Found, d.Found...)
	if d.End != nil {
		r.End = *d.End
	}
}

// Check reports the first breach of the record's invariant, in words. A record that was written by this package and
// read back whole has none.
func (r *Record) Check() error {
	switch {
	case r.Size < 1 || r.Size > MaxSize:
		return fmt.Errorf("record: size %d is not within 1 to %d", r.Size, int64(MaxSize))
	case r.Next < 0 || r.Next > r.Size:
		return fmt.Errorf("record: next %d is not within the list's size %d", r.Next, r.Size)
	}
	within := Range{0, r.Next}
	var all Set
	for _, m := range []interface{ Ranges(int) []Range }{&r.Done, &r.Retry, &r.Failed} {
		for _, x := range m.Ranges(0) {
			if !within.Contains(x) {
				return fmt.Errorf("record: %v is beyond next, %d", x, r.Next)
			}
			for y := range all.Within(x) {
				return fmt.Errorf("record: %v stands in more than one of done, retry and failed", y)
			}
			all.Put(x, struct{}{})
		}
	}
	return nil
}

// The JSON forms. Ranges are in the notation of FormatRanges; ranges with the same value stand together.
type recordJSON struct {
	Size   int64      `json:"size,omitempty"`
	Next   int64      `json:"next,omitempty"`
	Epoch  uint64     `json:"epoch,omitempty"`
	Floor  uint64     `json:"floor,omitempty"`
	Lease  string     `json:"lease,omitempty"`
	Done   string     `json:"done,omitempty"`
	Retry  []tryJSON  `json:"retry,omitempty"`
	Failed []failJSON `json:"failed,omitempty"`
	Found  []Found    `json:"found,omitempty"`
	End    *Outcome   `json:"end,omitempty"`
}

type tryJSON struct {
	Attempts int    `json:"attempts"`
	Forgiven int    `json:"forgiven,omitempty"`
	Size     int64  `json:"size,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Ranges   string `json:"ranges"`
}

type failJSON struct {
	Attempts int    `json:"attempts"`
	Forgiven int    `json:"forgiven,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Ranges   string `json:"ranges"`
}

// MarshalJSON writes the record in its stored form.
func (r *Record) MarshalJSON() ([]byte, error) {
	j := recordJSON{Size: r.Size, Next: r.Next, Epoch: r.Epoch, Floor: r.Floor, Lease: formatDuration(r.Lease), Done: FormatRanges(&r.Done),
		Retry: formatTries(&r.Retry), Failed: formatFailures(&r.Failed), Found: r.Found}
	if r.End.Over() {
		j.End = &r.End
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads the stored form and checks it.
func (r *Record) UnmarshalJSON(b []byte) error {
	var d Delta
	var size int64
	if err := d.unmarshal(b, &size); err != nil {
		return fmt.Errorf("read record: %w", err)
	}
	*r = Record{Size: size}
	r.Apply(&d)
	return r.Check()
}

// MarshalJSON writes the delta in its stored form.
func (d *Delta) MarshalJSON() ([]byte, error) {
	return json.Marshal(recordJSON{Next: d.Next, Epoch: d.Epoch, Floor: d.Floor, Lease: formatDuration(d.Lease), Done: FormatRanges(&d.Done),
		Retry: formatTries(&d.Retry), Failed: formatFailures(&d.Failed), Found: d.Found, End: d.End})
}

// UnmarshalJSON reads the stored form.
func (d *Delta) UnmarshalJSON(b []byte) error {
	var size int64
	if err := d.unmarshal(b, &size); err != nil {
		return fmt.Errorf("read delta: %w", err)
	}
	return nil
}

func (d *Delta) unmarshal(b []byte, size *int64) error {
	var j recordJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	*size = j.Size
	*d = Delta{Next: j.Next, Epoch: j.Epoch, Floor: j.Floor, Found: j.Found, End: j.End}
	if j.Lease != "" {
		var err error
		if d.Lease, err = time.ParseDuration(j.Lease); err != nil {
			return err
		}
	}
	if err := putAll(&d.Done, j.Done, struct{}{}); err != nil {
		return fmt.Errorf("done: %w", err)
	}
	for _, t := range j.Retry {
		if err := putAll(&d.Retry, t.Ranges, Try{t.Attempts, t.Forgiven, t.Size, t.Reason}); err != nil {
			return fmt.Errorf("retry: %w", err)
		}
	}
	for _, f := range j.Failed {
		if err := putAll(&d.Failed, f.Ranges, Failure{f.Attempts, f.Forgiven, f.Reason}); err != nil {
			return fmt.Errorf("failed: %w", err)
		}
	}
	return nil
}

func putAll[V comparable](m *Map[V], notation string, v V) error {
	ranges, err := ParseRanges(notation)
	for _, r := range ranges {
		m.Put(r, v)
	}
	return err
}

func formatDuration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func formatTries(m *Map[Try]) (out []tryJSON) {
	for v, ranges := range byValue(m) {
		out = append(out, tryJSON{v.Attempts, v.Forgiven, v.Size, v.Reason, ranges})
	}
	return out
}

func formatFailures(m *Map[Failure]) (out []failJSON) {
	for v, ranges := range byValue(m) {
		out = append(out, failJSON{v.Attempts, v.Forgiven, v.Reason, ranges})
	}
	return out
}

// byValue yields each value once with the notation of its ranges, in the order in which the values first appear.
func byValue[V comparable](m *Map[V]) func(yield func(V, string) bool) {
	return func(yield func(V, string) bool) {
		type group struct {
			notation []byte
			at       int64
		}
		var order []V
		groups := map[V]*group{}
		for r, v := range m.All() {
			g := groups[v]
			if g == nil {
				g = &group{}
				groups[v] = g
				order = append(order, v)
			}
			g.notation = appendRange(g.notation, g.at, r)
			g.at = r.End
		}
		for _, v := range order {
			if !yield(v, string(groups[v].notation)) {
				return
			}
		}
	}
}
