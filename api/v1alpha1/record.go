package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/worklist"
)

// Record is the list's record as the status of a Kubernetes object holds it.
func (s *WorklistStatus) Record() worklist.Record {
	rec := worklist.Record{Size: s.Size, Next: s.Next, Epoch: 1}
	for _, r := range s.DoneRanges {
		rec.Done.Put(r.Core(), struct{}{})
	}
	for _, r := range s.RetryRanges {
		rec.Retry.Put(r.Core(), worklist.Try{Attempts: int(r.Attempts), Forgiven: int(r.Forgiven), Size: r.Limit, Reason: r.Reason})
	}
	for _, r := range s.FailedRanges {
		rec.Failed.Put(r.Core(), worklist.Failure{Attempts: int(r.Attempts), Forgiven: int(r.Forgiven), Reason: r.Reason})
	}
	for _, f := range s.Found {
		rec.Found = append(rec.Found, worklist.Found{Index: f.Index, Value: f.Value, Worker: f.Worker})
	}
	if p := s.Phase(); p.Over() {
		rec.End = worklist.Outcome{Phase: worklist.Phase(p), Reason: s.Reason()}
		if s.CompletionTime != nil {
			rec.End.At = s.CompletionTime.Time
		}
	}
	return rec
}

// Memory is what the status remembers for a ledger beside the record, without the leases.
func (s *WorklistStatus) Memory() worklist.Memory {
	m := worklist.Memory{PerItem: time.Duration(s.NanosecondsPerItem), Last: s.BlockSize}
	if s.NextBlockTime != nil {
		m.Opens = s.NextBlockTime.Time
	}
	for _, r := range s.RetryRanges {
		if r.Until != nil {
			m.Resting = append(m.Resting, worklist.Rest{Range: r.Core(), Until: r.Until.Time})
		}
	}
	return m
}

// SetRecord writes down a record, and what the ledger is to be reminded of.
func (s *WorklistStatus) SetRecord(rec *worklist.Record, m worklist.Memory) {
	s.Next = rec.Next
	s.DoneRanges, s.RetryRanges, s.FailedRanges, s.Found = nil, nil, nil, nil
	for r := range rec.Done.All() {
		s.DoneRanges = append(s.DoneRanges, RangeOf(r))
	}
	var resting worklist.Map[time.Time]
	for _, x := range m.Resting {
		resting.Put(x.Range, x.Until)
	}
	for r, try := range rec.Retry.All() {
		entry := RetryRange{Attempts: int32(try.Attempts), Forgiven: int32(try.Forgiven), Limit: try.Size, Reason: try.Reason}
		for part := range resting.Gaps(r) {
			entry.Range = RangeOf(part)
			s.RetryRanges = append(s.RetryRanges, entry)
		}
		for part, until := range resting.Within(r) {
			entry.Range, entry.Until = RangeOf(part), &metav1.MicroTime{Time: until}
			s.RetryRanges = append(s.RetryRanges, entry)
		}
	}
	s.FailedRanges = FailedRanges(&rec.Failed, 0)
	for _, f := range rec.Found {
		s.Found = append(s.Found, Found{Index: f.Index, Value: f.Value, Worker: f.Worker})
	}
	s.NanosecondsPerItem, s.BlockSize, s.NextBlockTime = m.PerItem.Nanoseconds(), m.Last, nil
	if !m.Opens.IsZero() {
		s.NextBlockTime = &metav1.MicroTime{Time: m.Opens}
	}
}

// FailedRanges are the first limit ranges given up on; limit 0: all.
func FailedRanges(m *worklist.Map[worklist.Failure], limit int) (out []FailedRange) {
	for r, f := range m.All() {
		if limit > 0 && len(out) == limit {
			break
		}
		out = append(out, FailedRange{Range: RangeOf(r), Attempts: int32(f.Attempts), Forgiven: int32(f.Forgiven), Reason: f.Reason})
	}
	return out
}

// Core is the range in the form of package worklist.
func (r Range) Core() worklist.Range { return worklist.Range{Start: r.Index, End: r.Index + r.Size} }

// RangeOf is a range of package worklist in the form of the API.
func RangeOf(r worklist.Range) Range { return Range{Index: r.Start, Size: r.Size()} }
