package worklists

import (
	"cmp"
	"slices"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// sort puts each Block where it belongs, and returns those that wait for a range, the oldest first.
func (d *decision) sort() (waiting []*v1alpha1.Block) {
	over := d.ledger.Outcome().Over()
	for i := range d.Blocks {
		b := &d.Blocks[i]
		_, assigned := d.pending[b.UID]
		finished := b.Status.Finished()
		switch {
		case over, !d.ours(b):
			d.Discard = append(d.Discard, b)
		case d.ledger.Holds(d.restID(i)): // it is merged bit by bit
		case !b.DeletionTimestamp.IsZero() && !b.Status.Held():
			d.Discard = append(d.Discard, b)
		case assigned:
			d.Give = append(d.Give, Gift{b, d.pending[b.UID]})
		case b.Status.Held():
			if !d.ledger.Holds(leaseID(i)) { // it went out again, or somebody else has done it
				d.Discard = append(d.Discard, b)
			}
		case finished != "" && (finished != v1alpha1.BlockDone || !b.Spec.Refill):
			d.Discard = append(d.Discard, b)
		default:
			waiting = append(waiting, b)
		}
	}
	slices.SortFunc(waiting, func(a, b *v1alpha1.Block) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return waiting
}

// assign gives ranges to the Blocks that wait, or tells them why there is none.
func (d *decision) assign(waiting []*v1alpha1.Block) {
	waiting = d.thin(waiting)
	kept := len(d.Blocks) - len(d.Discard) - len(waiting)
	width := 0
	for _, a := range d.pending {
		width += widthOf(a)
	}
	for _, b := range waiting {
		if len(d.pending) >= mostHandouts || width > mostAssigned {
			d.Again = d.Now // there are more: at once
			return
		}
		fresh := b.Status.Turn == 0
		g := d.ledger.Claim(d.Now, worklist.Claim{Worker: b.Spec.Worker, Bulk: b.Spec.Size})
		if len(g.Leases) > 0 {
			x := g.Leases[0]
			a := v1alpha1.Handout{Range: v1alpha1.RangeOf(x.Range), Block: b.Name, UID: b.UID, Turn: b.Status.Turn + 1,
				Worker: b.Spec.Worker, Attempt: int32(x.Attempt)}
			d.pending[b.UID] = a
			width += widthOf(a)
			d.Give = append(d.Give, Gift{b, a})
			kept++
			continue
		}
		d.again(g.Retry)
		if fresh && kept >= d.policy.MaxBlocks { // whatever it waits for: as many others are there as may be
			d.Discard = append(d.Discard, b)
			continue
		}
		kept++
		n := Notice{b, v1alpha1.BlockPhase(g.None), g.Message}
		if d.Problem != "" {
			n.Reason, n.Text = blockInvalid, d.Problem
		}
		if b.Status.Phase() != n.Reason || b.Status.Finished() != "" {
			d.Tell = append(d.Tell, n)
		}
	}
}

// thin turns the latest of those that wait away, where there are more Blocks in the cluster than may be.
func (d *decision) thin(waiting []*v1alpha1.Block) (kept []*v1alpha1.Block) {
	excess := d.Excess
	for _, b := range slices.Backward(waiting) {
		if excess > 0 && b.Status.Turn == 0 {
			excess--
			d.Discard = append(d.Discard, b)
		} else {
			kept = append(kept, b)
		}
	}
	if n := len(waiting) - len(kept); n > 0 {
		d.event(true, "ClusterLimit", "of the Blocks that wait %d were turned away: there are %d more in the cluster than may be", n, d.Excess)
	}
	slices.Reverse(kept)
	return kept
}
