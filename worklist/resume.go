package worklist

import "time"

// Resume is the ledger of a record whose leases are all known, because the engine keeps each as an object of its own:
// Kubernetes' Blocks. It is no takeover. What is handed out, by the record, and in no lease goes out again at once; so the
// leases must have been read after the record, and nobody else may be about to make one.
//
// A lease's ID is the engine's. Of its range it has what is neither done nor failed, nor another's before it.
func Resume(rec Record, p Policy, now time.Time, leases []Lease) *Ledger {
	rec.Epoch-- // Restore counts it up
	l := Restore(rec, p, now, false)
	l.rec.Floor, l.news = rec.Floor, Delta{}
	l.noteLease()
	for _, x := range leases {
		var left []Range
		for part := range l.ready.Within(x.Range) {
			left = append(left, part)
		}
		if len(left) == 0 {
			continue
		}
		for _, part := range left {
			l.ready.Delete(part)
		}
		held := l.grant(now, l.worker(x.Worker, now), x.Range, left, x.Attempt)
		delete(l.leases, held.id)
		held.id = x.ID
		l.leases[held.id] = held
		l.expiry.remove(held)
		held.deadline = x.Deadline
		l.expiry.insert(held)
		l.lastID = max(l.lastID, x.ID)
	}
	return l
}
