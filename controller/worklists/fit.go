package worklists

import (
	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// A Worklist's status stays below 64 KiB, however badly the sizes of its blocks were chosen. What can be many in it is
// bounded:
const (
	mostRanges  = 700     // of done, retry and failed together, at 25 to 60 bytes each: above that nothing fresh goes out
	mostReasons = 8 << 10 // bytes of reasons; those beyond are left out
	longReason  = 200     // bytes of one
	mostFound   = 8 << 10 // bytes of found values
)

// full tells whether a record has so many ranges that nothing fresh should go out. Those that are out may still add some: a
// block that is out is one more range at most, and mostOut of them are out.
func full(rec *worklist.Record) bool {
	return rec.Done.Len()+rec.Retry.Len()+rec.Failed.Len() >= mostRanges
}

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
