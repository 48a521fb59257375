package worklists

import (
	"encoding/json"
	"strconv"

	"teamtask.dev/api/v1alpha1"
)

// A Worklist's status stays below 64 KiB, however badly the sizes of its blocks were chosen. What can be many in it is
// bounded, in bytes:
const (
	mostRecord   = 36 << 10 // done, retry and failed ranges: above that nothing fresh goes out, nor is what is scattered merged
	mostAssigned = 10 << 10 // handouts: above that the next ones go out with the next write
	mostReasons  = 4 << 10  // reasons; those beyond are left out
	longReason   = 200      // one of them, before it is written as JSON
	longMessage  = 1024     // that of the condition
	mostFound    = 8 << 10  // found values
)

// widths are what a range takes in the status at most, in bytes, reasons aside: no index is longer than the list's size.
type widths struct{ done, retry, failed int }

func widthsOf(size int64) widths {
	n := len(strconv.FormatInt(size, 10))
	return widths{done: 19 + 2*n, retry: 115 + 3*n, failed: 70 + 2*n}
}

// piece is what a range takes that is part done, the rest of which is to be done again.
func (w widths) piece() int { return w.done + w.retry }

// weight is what the record in a status takes.
func weight(s *v1alpha1.WorklistStatus) int {
	w := widthsOf(s.Size)
	return w.done*len(s.DoneRanges) + w.retry*len(s.RetryRanges) + w.failed*len(s.FailedRanges)
}

// room is what is left for more. Each block that is out may become one more range.
func room(s *v1alpha1.WorklistStatus, out int) int {
	return mostRecord - weight(s) - widthsOf(s.Size).done*out
}

// widthOf is what a handout takes.
func widthOf(a v1alpha1.Handout) int {
	const numbers = 170 // and the names of the fields
	return numbers + len(a.UID) + len(a.Block) + encoded(a.Worker)
}

// encoded is how long a text is in JSON, which has up to six bytes for one.
func encoded(s string) int {
	b, _ := json.Marshal(s) // of a string it does not fail
	return len(b)
}

// fit shortens what is for people only.
func fit(s *v1alpha1.WorklistStatus) {
	left := mostReasons
	reason := func(r *string) {
		*r = v1alpha1.Cut(*r, longReason)
		if left -= encoded(*r); left < 0 {
			*r = ""
		}
	}
	for i := range s.FailedRanges {
		reason(&s.FailedRanges[i].Reason)
	}
	for i := range s.RetryRanges {
		reason(&s.RetryRanges[i].Reason)
	}
	room := mostFound
	for i, f := range s.Found {
		if room -= encoded(f.Value) + encoded(f.Worker) + 40; room < 0 {
			s.Found, s.Truncated = s.Found[:i], true
			break
		}
	}
}
