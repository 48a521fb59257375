package server

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// maxRanges is how many ranges a status shows.
const maxRanges = 100

// statusOf is the ledger as a status. For a list that nobody owns, the ledger is one restored from its record.
func statusOf(l *worklist.Ledger, now time.Time) v1alpha1.WorklistStatus {
	s, rec := l.Status(now), l.Record()
	out := v1alpha1.WorklistStatus{Size: s.Size, Done: s.Done, Failed: s.Failed, Next: rec.Next, Progress: v1alpha1.Progress(s.Done+s.Failed, s.Size),
		Leased: s.Leased, Waiting: s.Waiting, BlocksOut: int64(s.Blocks), Workers: int64(s.Workers),
		ItemsPerSecond: v1alpha1.Rate(s.Speed), Epoch: int64(rec.Epoch), Truncated: max(rec.Done.Len(), rec.Failed.Len()) > maxRanges}
	for _, r := range rec.Done.Ranges(maxRanges) {
		out.DoneRanges = append(out.DoneRanges, v1alpha1.RangeOf(r))
	}
	out.FailedRanges = v1alpha1.FailedRanges(&rec.Failed, maxRanges)
	for _, f := range rec.Found {
		out.Found = append(out.Found, v1alpha1.Found{Index: f.Index, Value: f.Value, Worker: f.Worker})
	}
	if !s.Started.IsZero() {
		out.StartTime = &metav1.Time{Time: s.Started.UTC()}
	}
	at := metav1.NewTime(s.Started.UTC())
	if rec.End.Over() {
		at = metav1.NewTime(rec.End.At)
		out.ItemsPerSecond, out.CompletionTime = nil, &at
	}
	out.SetPhase(v1alpha1.Phase(s.Phase), s.Reason, at)
	return out
}
