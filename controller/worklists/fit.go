package worklists

import (
	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// A Worklist's status stays below 64 KiB, however badly the sizes of its blocks were chosen. What can be many in it is
// bounded:
const (
	mostRecord  = 36 << 10 // bytes of done, retry and failed ranges: above that nothing fresh goes out, nor is what is scattered merged
	mostReasons = 4 << 10  // bytes of reasons; those beyond are left out
	longReason  = 200      // bytes of one
	mostFound   = 8 << 10  // bytes of found values
)

// What a range takes in the status, in bytes, reasons aside.
const ofDone, ofRetry, ofFailed = 40, 120, 70

func weight(rec *worklist.Record) int {
	return ofDone*rec.Done.Len() + ofRetry*rec.Retry.Len() + ofFailed*rec.Failed.Len()
}

// full tells whether a record takes so much that nothing fresh should go out. Each block that is out may become one more range.
func full(rec *worklist.Record, out int) bool { return weight(rec)+ofDone*out >= mostRecord }

// fit shortens what is for people only.
func fit(s *v1alpha1.WorklistStatus) {
	left := mostReasons
	reason := func(r *string) {
		if len(*r) > longReason {
			*r = (*r)[:longReason] + "..."
		}
		if left -= len(*r); left < 0 {
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
		if room -= len(f.Value) + len(f.Worker) + 40; room < 0 {
			s.Found, s.Truncated = s.Found[:i], true
			break
		}
	}
}
