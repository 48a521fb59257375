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

// Situation is all that a decision depends on.
type Situation struct {
	Now    time.Time
	List   *v1alpha1.Worklist
	Blocks []v1alpha1.Block // all that name the list, read after it

	// Size and Fingerprint are those of the items; Problem says why they cannot be worked on, if so.
	Size        int64
	Fingerprint string
	Problem     string

	// WaitingFor says why nothing may be handed out yet: a list that comes first.
	WaitingFor string
	// Excess is how many Blocks there are in the cluster beyond what may be: so many that wait are turned away.
	Excess int
}

// Plan is what is to be done: first the status, then the rest in any order.
type Plan struct {
	Status  v1alpha1.WorklistStatus
	Changed bool // the status is to be written
	Give    []Gift
	Tell    []Notice
	Discard []*v1alpha1.Block
	Events  []Event
	Again   time.Time // when to decide again although nothing has happened; zero: never
}

// Gift is a range for a Block. It may be given only once the status that has its assignment is durable.
type Gift struct {
	Block *v1alpha1.Block
	v1alpha1.Assignment
}

// Notice tells a Block that waits why it does.
type Notice struct {
	Block  *v1alpha1.Block
	Reason v1alpha1.BlockPhase
	Text   string
}

// Event is what a person would ask about.
type Event struct {
	Warning bool
	Reason  string
	Text    string
}

// blockInvalid is where a Block stands that asks for work of a list that cannot be worked on.
const blockInvalid = v1alpha1.BlockPhase(v1alpha1.PhaseInvalid)

const (
	// mostAssignments bounds the ranges that go out with one write of the status.
	mostAssignments = 48
	// mostOut is how many Blocks are out at a time where the list does not say.
	mostOut = 500
)

// decision is a plan in the making.
type decision struct {
	Situation
	Plan
	policy  worklist.Policy
	ledger  *worklist.Ledger
	pending map[types.UID]v1alpha1.Assignment // not carried out yet
	parts   []worklist.Range                  // of each Block, see portion
}

// Decide says what is to be done. The same situation gives the same plan.
func Decide(s Situation) Plan {
	d := newDecision(s)
	if !s.List.DeletionTimestamp.IsZero() { // the garbage collector deletes the Blocks: let them go
		for i := range s.Blocks {
			if !s.Blocks[i].DeletionTimestamp.IsZero() {
				d.Discard = append(d.Discard, &s.Blocks[i])
			}
		}
		return d.Plan
	}
	if d.refuse(); d.Problem != "" && d.Status.Next == 0 {
		d.turnAway()
		return d.Plan
	}
	d.count()
	d.assign(d.sort())
	d.conclude()
	return d.Plan
}

// Ledger is the ledger that a decision goes by, before it hands anything out: the list as it is, with what finished Blocks have
// done. The situation has no problem. It is for who explains; what it says of the future is [Decide]'s to do.
func Ledger(s Situation) *worklist.Ledger {
	d := newDecision(s)
	d.count()
	return d.ledger
}

func newDecision(s Situation) *decision {
	s.Blocks = slices.Clone(s.Blocks)
	slices.SortFunc(s.Blocks, func(a, b v1alpha1.Block) int {
		return cmp.Or(cmp.Compare(standing(&a), standing(&b)), since(&a).Compare(since(&b)), cmp.Compare(a.Name, b.Name))
	})
	d := &decision{Situation: s, pending: map[types.UID]v1alpha1.Assignment{}}
	d.Status = *s.List.Status.DeepCopy()
	d.Status.ObservedGeneration = s.List.Generation
	return d
}

// count makes the ledger and merges into it what is finished.
func (d *decision) count() {
	d.begin(0)
	if d.stuck() {
		d.begin(widthsOf(d.Status.Size).piece())
	}
	d.merge()
	rests, piece := d.rests(), widthsOf(d.Status.Size).piece()
	left := d.room(d.ledger.Status(d.Now).Blocks - rests)
	if left <= rests*piece {
		d.policy.OnlyAgain = "what is done, failed or to be done again takes, with what is out, as many ranges as the status holds; " +
			"it goes on when ranges have merged, or failed items were tried again"
	}
	if rests > 0 && left >= piece {
		d.again(d.Now) // there is more to merge
	}
	d.policy.MaxBlocks += rests // they wait for others
	d.ledger.SetPolicy(d.Now, d.policy)
	if n := d.List.Spec.RetryFailed; n > d.Status.RetriedFailed {
		d.Status.RetriedFailed = n
		d.event(false, "Retry", "%d items that were given up are tried again", d.ledger.Retry(d.Now))
	}
}

// refuse finds the problem of a list whose items were changed under way.
func (d *decision) refuse() {
	st := &d.Status
	if d.Problem == "" && st.Next > 0 && st.Fingerprint != "" && st.Fingerprint != d.Fingerprint {
		d.Problem = "the items were changed after some of them had been handed out; put them back as they were, or make a new list"
	}
	if d.Problem == "" {
		st.Size, st.Fingerprint = d.Size, d.Fingerprint
	}
	d.Size = st.Size // what is out was given out by what was known before
}

// turnAway sees to the Blocks of a list that cannot be begun: none has anything.
func (d *decision) turnAway() {
	before := d.List.Status.Phase()
	d.Status.SetPhase(v1alpha1.PhaseInvalid, cut(d.Problem, longMessage), metav1.NewTime(d.Now))
	d.Changed = changed(&d.List.Status, &d.Status)
	d.note(before)
	for i := range d.Blocks {
		switch b := &d.Blocks[i]; {
		case !b.DeletionTimestamp.IsZero(), !d.ours(b):
			d.Discard = append(d.Discard, b)
		case b.Status.Phase() != blockInvalid:
			d.Tell = append(d.Tell, Notice{b, blockInvalid, d.Problem})
		}
	}
}

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
	assigned := map[types.UID]v1alpha1.Assignment{}
	for _, a := range d.Status.Assignments {
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

func rangeOf(b *v1alpha1.Block) worklist.Range {
	return v1alpha1.Range{Index: *b.Status.Index, Size: *b.Status.Size}.Core()
}

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
		if len(d.pending) >= mostAssignments || width > mostAssigned {
			d.Again = d.Now // there are more: at once
			return
		}
		fresh := b.Status.Turn == 0
		g := d.ledger.Claim(d.Now, worklist.Claim{Worker: b.Spec.Worker, Bulk: b.Spec.Size})
		if len(g.Leases) > 0 {
			x := g.Leases[0]
			a := v1alpha1.Assignment{Range: v1alpha1.RangeOf(x.Range), Block: b.Name, UID: b.UID, Turn: b.Status.Turn + 1,
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

// conclude writes the decision down in the status.
func (d *decision) conclude() {
	st := &d.Status
	before := d.List.Status.Phase()
	st.SetRecord(d.ledger.Record(), d.ledger.Memory())
	st.Assignments = nil
	for _, g := range d.Give {
		st.Assignments = append(st.Assignments, g.Assignment)
	}
	slices.SortFunc(st.Assignments, func(a, b v1alpha1.Assignment) int { return cmp.Compare(a.Index, b.Index) })
	now := d.ledger.Status(d.Now)
	inHand := min(d.inHand(), now.Leased)
	st.Done, st.Failed, st.Leased, st.Waiting = now.Done+inHand, now.Failed, now.Leased-inHand, now.Waiting
	st.BlocksOut, st.Workers = int64(now.Blocks), int64(now.Workers)
	st.Progress = v1alpha1.Progress(st.Done+st.Failed, st.Size)
	if st.StartTime == nil && st.Next > 0 {
		st.StartTime = &metav1.Time{Time: d.Now}
	}
	st.CompletionTime = nil
	if end := d.ledger.Outcome(); end.Over() {
		st.CompletionTime = &metav1.Time{Time: end.At}
	}
	phase := v1alpha1.Phase(now.Phase)
	if d.Problem != "" && !phase.Over() {
		phase, now.Reason = v1alpha1.PhaseInvalid, d.Problem
	}
	if c := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionWorkers); phase == v1alpha1.PhaseActive && now.Blocks == 0 && c != nil && c.Status == metav1.ConditionFalse {
		now.Reason = c.Message // nobody works, and this is why
	}
	st.SetPhase(phase, cut(now.Reason, longMessage), metav1.NewTime(d.Now))
	fit(st)
	d.Changed = changed(&d.List.Status, st)
	d.measure()
	d.note(before)
	d.again(d.ledger.Wake())
}

// inHand is how many items are done in Blocks that are still out. Of two Blocks with the same items one counts.
func (d *decision) inHand() (done int64) {
	var counted worklist.Set
	for i := range d.Blocks {
		b := &d.Blocks[i]
		if !b.Status.Held() || !d.ledger.Holds(leaseID(i)) {
			continue
		}
		r, before := rangeOf(b), counted.Sum()
		if counted.Put(r, struct{}{}); counted.Sum() == before+r.Size() {
			done += min(b.Status.Done, r.Size())
		}
	}
	return done
}

// again asks to decide again at a time, if that is sooner.
func (d *decision) again(at time.Time) {
	if !at.IsZero() && at.Sub(d.Now) < time.Hour && (d.Again.IsZero() || at.Before(d.Again)) {
		d.Again = at
	}
}
