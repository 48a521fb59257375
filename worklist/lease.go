package worklist

import "time"

// lease is a block in a worker's hand.
type lease struct {
	id       uint64
	r        Range   // as handed out
	left     []Range // not reported yet; ordered, disjoint
	attempt  int
	worker   *worker
	granted  time.Time
	deadline time.Time
	bulk     bool   // a tier's
	twin     *lease // the same block in another worker's hand, when stragglers are done twice

	prev, next *lease // in leaseQueue
}

// settle takes from what is left, in the twin's hand too: twins have the same left.
func (x *lease) settle(r Range) {
	x.left = subtract(x.left, r)
	if x.twin != nil {
		x.twin.left = subtract(x.twin.left, r)
	}
}

// Lease is a block as it is given to a worker.
type Lease struct {
	ID       uint64
	Epoch    uint64
	Range    Range
	Attempt  int
	Deadline time.Time
	Worker   string
	Bulk     bool // a tier's
}

// Token is the lease in the form that is signed and carried by the worker.
func (g Lease) Token() Token {
	return Token{Epoch: g.Epoch, ID: g.ID, Range: g.Range, Attempt: g.Attempt, Deadline: g.Deadline, Worker: g.Worker}
}

func (l *Ledger) public(x *lease) Lease {
	return Lease{ID: x.id, Epoch: l.rec.Epoch, Range: x.r, Attempt: x.attempt, Deadline: x.deadline, Worker: x.worker.name, Bulk: x.bulk}
}

// grant puts a block into a worker's hand. Its range must have left its place before.
func (l *Ledger) grant(now time.Time, w *worker, r Range, left []Range, attempt int) *lease {
	l.lastID++
	x := &lease{id: l.lastID, r: r, left: left, attempt: attempt, worker: w, granted: now, deadline: now.Add(l.policy.Lease)}
	l.leases[x.id] = x
	l.expiry.insert(x)
	w.held++
	return x
}

// drop ends a lease. What was left of it must have its new place already, or be a twin's.
func (l *Ledger) drop(x *lease) {
	delete(l.leases, x.id)
	l.expiry.remove(x)
	x.worker.held--
	if x.twin != nil {
		x.twin.twin = nil
		x.twin = nil
	}
}

// leaseQueue holds leases in the order of their deadlines, as an intrusive list. Since all leases of a ledger last equally
// long, a new or renewed one belongs at the end: every operation is O(1) but after a change of the policy.
type leaseQueue struct {
	head, tail *lease
}

func (q *leaseQueue) insert(x *lease) {
	at := q.tail
	for at != nil && at.deadline.After(x.deadline) {
		at = at.prev
	}
	x.prev = at
	if at == nil {
		x.next, q.head = q.head, x
	} else {
		x.next, at.next = at.next, x
	}
	if x.next == nil {
		q.tail = x
	} else {
		x.next.prev = x
	}
}

func (q *leaseQueue) remove(x *lease) {
	if x.prev == nil {
		q.head = x.next
	} else {
		x.prev.next = x.next
	}
	if x.next == nil {
		q.tail = x.prev
	} else {
		x.next.prev = x.prev
	}
	x.prev, x.next = nil, nil
}
