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

// blockInvalid is where a Block stands that asks for work of a list that cannot be worked on.
const blockInvalid = v1alpha1.BlockPhase(v1alpha1.PhaseInvalid)

const (
	// mostHandouts bounds the ranges that go out with one write of the status.
	mostHandouts = 48
	// mostOut is how many Blocks are out at a time where the list does not say.
	mostOut = 500
)

// decision is a plan in the making.
type decision struct {
	Situation
	Plan
	policy  worklist.Policy
	ledger  *worklist.Ledger
	pending map[types.UID]v1alpha1.Handout // not carried out yet
	parts   []worklist.Range               // of each Block, see portion
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
	d := &decision{Situation: s, pending: map[types.UID]v1alpha1.Handout{}}
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
	d.Status.SetPhase(v1alpha1.PhaseInvalid, v1alpha1.Cut(d.Problem, longMessage), metav1.NewTime(d.Now))
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

// conclude writes the decision down in the status.
func (d *decision) conclude() {
	st := &d.Status
	before := d.List.Status.Phase()
	st.SetRecord(d.ledger.Record(), d.ledger.Memory())
	st.Handouts = nil
	for _, g := range d.Give {
		st.Handouts = append(st.Handouts, g.Handout)
	}
	slices.SortFunc(st.Handouts, func(a, b v1alpha1.Handout) int { return cmp.Compare(a.Index, b.Index) })
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
	switch {
	case phase == v1alpha1.PhaseActive:
		now.Reason = d.policy.OnlyAgain
	case d.Problem != "" && !phase.Over():
		phase, now.Reason = v1alpha1.PhaseInvalid, d.Problem
	}
	if c := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionWorkers); phase == v1alpha1.PhaseActive && now.Blocks == 0 && c != nil && c.Status == metav1.ConditionFalse {
		now.Reason = c.Message // nobody works, and this is why
	}
	st.SetPhase(phase, v1alpha1.Cut(now.Reason, longMessage), metav1.NewTime(d.Now))
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
