package worklists

import (
	"cmp"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// rests is how many Blocks are merged bit by bit, and wait for room.
func (d *decision) rests() (n int) {
	for i := range d.Blocks {
		if d.ledger.Holds(d.restID(i)) {
			n++
		}
	}
	return n
}

// room is what is left for more in the status, in bytes, with so many blocks out.
func (d *decision) room(out int) int {
	var written v1alpha1.WorklistStatus
	written.Size = d.Status.Size
	written.SetRecord(d.ledger.Record(), d.ledger.Memory())
	return room(&written, out)
}

// stuck tells whether all that is left waits for room, which nobody is about to make.
func (d *decision) stuck() bool {
	now := d.ledger.Status(d.Now)
	return now.Blocks > 0 && now.Blocks == d.rests() && now.Waiting == 0
}

// begin makes the ledger. extra is room for merging that the record does not have.
func (d *decision) begin(extra int) {
	d.policy = d.List.Policy()
	d.policy.WaitingFor = cmp.Or(d.Problem, d.WaitingFor)
	var note string
	d.policy.Blocks, note = polite(d.policy.Blocks, d.Size)
	if note != "" && extra == 0 && d.Status.Next == 0 && d.Status.Phase() == "" {
		d.event(false, "LargerBlocks", "%s", note)
	}
	if d.policy.MaxBlocks == 0 {
		d.policy.MaxBlocks = mostOut
	}
	rec := d.Status.Record()
	assigned := map[types.UID]v1alpha1.Handout{}
	for _, a := range d.Status.Handouts {
		assigned[a.UID] = a
	}
	memory := d.Status.Memory()
	d.parts = make([]worklist.Range, len(d.Blocks))
	out := 0
	for i := range d.Blocks {
		if d.Blocks[i].Status.Held() {
			out++
		}
	}
	left := extra + max(0, room(&d.Status, out+len(assigned)))
	for i := range d.Blocks {
		b := &d.Blocks[i]
		if !d.ours(b) {
			continue
		}
		if a, ok := assigned[b.UID]; ok && b.Status.Turn < a.Turn && b.DeletionTimestamp.IsZero() {
			d.pending[b.UID] = a
			memory.Leases = append(memory.Leases, worklist.Lease{ID: leaseID(i), Range: a.Range.Core(), Attempt: int(a.Attempt), Worker: a.Worker, Bulk: b.Spec.Size > 0})
			continue
		}
		if b.Status.Index != nil && b.Status.Size != nil {
			x := worklist.Lease{ID: leaseID(i), Range: portion(b, &rec, &left), Attempt: b.Status.Attempt(), Worker: b.Spec.Worker, Bulk: b.Spec.Size > 0}
			d.parts[i] = x.Range
			memory.Leases = append(memory.Leases, x)
			if x.Range.End < rangeOf(b).End {
				x.ID, x.Range = d.restID(i), worklist.Range{Start: x.Range.End, End: rangeOf(b).End}
				x.Bulk = true // nobody is to do it once more, as a straggler's: part of it is done
				memory.Leases = append(memory.Leases, x)
			}
		}
	}
	d.ledger = worklist.Resume(rec, unending(d.policy), d.Now, memory)
}

// unending is a policy by which what was turned in counts although the list is about to end: nobody was told yet.
func unending(p worklist.Policy) worklist.Policy {
	p.Cancelled, p.StopAtFirstSuccess, p.Deadline = false, false, time.Time{}
	return p
}

// ours tells whether a Block was made for this list, and not for an earlier one of its name. What was given a range was made its
// list's before.
func (d *decision) ours(b *v1alpha1.Block) bool {
	if i := slices.IndexFunc(b.OwnerReferences, isWorklist); i >= 0 {
		return b.OwnerReferences[i].UID == d.List.UID
	}
	return b.Status.Turn == 0
}

func isWorklist(o metav1.OwnerReference) bool { return o.Kind == v1alpha1.WorklistKind }

// standing orders Blocks, before the time for which they have been out: the longest first, stragglers. Where two do the same items,
// what one of them has given back is the other's, and a third one's at the next decision. So who has the items in hand comes before
// who has done them, and that before who has lost them.
func standing(b *v1alpha1.Block) int {
	switch b.Status.Finished() {
	case "":
		return 0
	case v1alpha1.BlockDone:
		return 1
	}
	return 2
}

// since is from when on a Block has stood where it stands.
func since(b *v1alpha1.Block) time.Time {
	if c := meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		return c.LastTransitionTime.Time
	}
	return b.CreationTimestamp.Time
}

// leaseID is the ledger's name of what Block i holds.
func leaseID(i int) uint64 { return uint64(i + 1) }

// restID is the ledger's name of what Block i holds beyond its portion.
func (d *decision) restID(i int) uint64 { return uint64(len(d.Blocks) + i + 1) }

func rangeOf(b *v1alpha1.Block) worklist.Range { return b.Status.Range().Core() }
