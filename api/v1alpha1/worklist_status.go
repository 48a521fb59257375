package v1alpha1

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Phase is where a worklist stands: the reason of its condition Complete.
type Phase string

// The phases of a list.
const (
	PhaseWaiting   Phase = "Waiting"   // for a list it comes after
	PhaseActive    Phase = "Active"    // blocks are handed out
	PhaseSuspended Phase = "Suspended" // held back by its spec
	PhaseInvalid   Phase = "Invalid"   // its spec cannot be worked on; the message says why
	PhaseComplete  Phase = "Complete"  // done + failed = [0,size), or stopped at the first success
	PhaseFailed    Phase = "Failed"    // too many failures, or past its deadline
	PhaseCancelled Phase = "Cancelled" // by its spec
)

// Over tells whether no block of the list will be handed out any more.
func (p Phase) Over() bool {
	return p == PhaseComplete || p == PhaseFailed || p == PhaseCancelled
}

// Types of conditions of a Worklist.
const (
	// ConditionComplete is always there. Its reason is the list's Phase, its message says why in a sentence.
	ConditionComplete = "Complete"
	// ConditionFailed is there where the list ended otherwise.
	ConditionFailed = "Failed"
	// ConditionWorkers is there where the list has worker pods: whether they could be made.
	ConditionWorkers = "WorkersReady"
)

// WorklistStatus is what the system found. A List server works it out when asked; on Kubernetes it is the controller's
// memory as well: next, the ranges and the handouts are the list's record, from which the ledger is made anew for each
// decision.
//
// +kubebuilder:object:generate=true
type WorklistStatus struct {
	// observedGeneration is the generation of the spec that this status goes by.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty" doc:"The generation of the spec that this status goes by."`

	// size is the number of items.
	//
	// +optional
	Size int64 `json:"size" doc:"Number of items."`

	// done is how many items are done.
	//
	// +optional
	Done int64 `json:"done" doc:"Items done."`

	// failed is how many items are given up.
	//
	// +optional
	Failed int64 `json:"failed" doc:"Items given up."`

	// leased is how many items are in blocks that are out.
	//
	// +optional
	Leased int64 `json:"leased" doc:"Items in blocks that are out."`

	// waiting is how many items are to be handed out again: released, failed, expired or in doubt after a takeover.
	//
	// +optional
	Waiting int64 `json:"waiting" doc:"Items to be handed out again: released, failed, expired or in doubt after a takeover."`

	// progress is the share of the items that are done or given up, for people.
	//
	// +optional
	Progress string `json:"progress,omitempty" doc:"Share of the items that are done or given up, for people."`

	// blocksOut is how many blocks are out.
	//
	// +optional
	BlocksOut int64 `json:"blocksOut" doc:"Blocks that are out."`

	// workers is how many workers hold blocks.
	//
	// +optional
	Workers int64 `json:"workers" doc:"Workers that hold blocks."`

	// next is the index below which every item was handed out at least once.
	//
	// +optional
	Next int64 `json:"next,omitempty" doc:"Every index below it was handed out at least once."`

	// doneRanges are the ranges that are done, merged. A List server shows the first 100.
	//
	// +optional
	// +listType=atomic
	DoneRanges []Range `json:"doneRanges,omitempty" doc:"Merged ranges that are done; at most the first 100."`

	// failedRanges are the ranges that were given up, merged. A List server shows the first 100.
	//
	// +optional
	// +listType=atomic
	FailedRanges []FailedRange `json:"failedRanges,omitempty" doc:"Merged ranges that were given up; at most the first 100."`

	// truncated says that there are more ranges than shown.
	//
	// +optional
	Truncated bool `json:"truncated,omitempty" doc:"There are more ranges than shown."`

	// retryRanges failed or expired before, or were given back, and go out again.
	//
	// +optional
	// +listType=atomic
	RetryRanges []RetryRange `json:"retryRanges,omitempty" doc:"On Kubernetes: ranges that failed before, and are out or go out again."`

	// handouts are ranges that are about to be written to their Blocks.
	//
	// +optional
	// +listType=atomic
	Handouts []Handout `json:"handouts,omitempty" doc:"On Kubernetes: ranges that are about to be written to their Blocks."`

	// found are values workers have found; at most the first 100.
	//
	// +optional
	// +listType=atomic
	Found []Found `json:"found,omitempty" doc:"Values workers have found; at most the first 100."`

	// itemsPerSecond is the items done per second, over the last half minute or so.
	//
	// +optional
	ItemsPerSecond *resource.Quantity `json:"itemsPerSecond,omitempty" doc:"Items done per second, over the last half minute or so."`

	// nanosecondsPerItem is how long a worker takes for an item, smoothed; it sizes blocks that aim at a duration.
	//
	// +optional
	NanosecondsPerItem int64 `json:"nanosecondsPerItem,omitempty" doc:"On Kubernetes: how long a worker takes for an item, smoothed."`

	// blockSize is the size of the last block that was handed out.
	//
	// +optional
	BlockSize int64 `json:"blockSize,omitempty" doc:"On Kubernetes: size of the last block that was handed out."`

	// nextBlockTime is when the limit on items per second allows the next block.
	//
	// +optional
	// +kubebuilder:validation:Format=micro-time
	NextBlockTime *metav1.MicroTime `json:"nextBlockTime,omitempty" doc:"On Kubernetes: when the limit on items per second allows the next block."`

	// updateTime is when the counts last changed.
	//
	// +optional
	// +kubebuilder:validation:Format=micro-time
	UpdateTime *metav1.MicroTime `json:"updateTime,omitempty" doc:"On Kubernetes: when the counts last changed."`

	// startTime is when the first block was handed out; of a List server, by the one that owns the list now.
	//
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty" doc:"When the first block was handed out by this owner."`

	// completionTime is when the list ended.
	//
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty" doc:"When the list ended."`

	// retriedFailed is the spec's retryFailed that was last obeyed.
	//
	// +optional
	RetriedFailed int64 `json:"retriedFailed,omitempty" doc:"On Kubernetes: spec.retryFailed that was last obeyed."`

	// fingerprint changes with anything that changes the items: a list whose items were changed under way is held back.
	//
	// +optional
	Fingerprint string `json:"fingerprint,omitempty" doc:"On Kubernetes: changes with anything that changes the items."`

	// epoch counts takeovers of the record among List servers.
	//
	// +optional
	Epoch int64 `json:"epoch,omitempty" doc:"Takeovers of the record so far."`

	// owner is the List server that holds the record now.
	//
	// +optional
	Owner string `json:"owner,omitempty" doc:"The server that owns the list now."`

	// replicas is how many worker pods there are, for kubectl scale.
	//
	// +optional
	Replicas int32 `json:"replicas,omitempty" doc:"On Kubernetes: worker pods that there are."`

	// selector chooses the worker pods, for what scales them.
	//
	// +optional
	Selector string `json:"selector,omitempty" doc:"On Kubernetes: chooses the worker pods."`

	// conditions are Complete, whose reason says where the list stands, and Failed and WorkersReady where they apply.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// reasonNew is that of the condition Complete by the schema's default, until a controller has looked at the list.
const reasonNew = "New"

// Phase is where the list stands; "" if nobody has looked at it yet.
func (s *WorklistStatus) Phase() Phase {
	c := meta.FindStatusCondition(s.Conditions, ConditionComplete)
	if c == nil || c.Reason == reasonNew {
		return ""
	}
	return Phase(c.Reason)
}

// Reason is why the list stands where it does, in a sentence.
func (s *WorklistStatus) Reason() string {
	if c := meta.FindStatusCondition(s.Conditions, ConditionComplete); c != nil {
		return c.Message
	}
	return ""
}

// SetPhase sets the conditions by where the list stands. at is when it came to stand there, if that is news.
func (s *WorklistStatus) SetPhase(p Phase, reason string, at metav1.Time) {
	status := func(yes bool) metav1.ConditionStatus {
		if yes {
			return metav1.ConditionTrue
		}
		return metav1.ConditionFalse
	}
	set := func(kind string, yes bool) {
		c := metav1.Condition{Type: kind, Status: status(yes), Reason: string(p), Message: reason, ObservedGeneration: s.ObservedGeneration}
		if old := meta.FindStatusCondition(s.Conditions, kind); old == nil || old.Status != c.Status || old.Reason != c.Reason {
			c.LastTransitionTime = at
			meta.RemoveStatusCondition(&s.Conditions, kind)
		}
		meta.SetStatusCondition(&s.Conditions, c)
	}
	set(ConditionComplete, p == PhaseComplete)
	if p.Over() && p != PhaseComplete {
		set(ConditionFailed, true)
	} else {
		meta.RemoveStatusCondition(&s.Conditions, ConditionFailed)
	}
}

// Progress is a share in percent, for people: 100% is said only of the whole.
func Progress(part, whole int64) string {
	p := 100 * float64(part) / float64(max(1, whole))
	if part < whole && p > 99.9 {
		p = 99.9
	}
	return fmt.Sprintf("%.3g%%", p)
}

// Range is the indexes from Index on, Size of them.
//
// +kubebuilder:object:generate=true
type Range struct {
	// index is that of the first item.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Index int64 `json:"index" minimum:"0" maximum:"9007199254740991"`

	// size is the number of items.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Size int64 `json:"size" minimum:"0" maximum:"9007199254740991"`
}

// FailedRange is a range that was given up.
//
// +kubebuilder:object:generate=true
type FailedRange struct {
	Range `json:",inline"`

	// attempts is how often it was tried, since it was last asked for again.
	//
	// +required
	Attempts int32 `json:"attempts"`

	// forgiven is how often it was out beside that.
	//
	// +optional
	Forgiven int32 `json:"forgiven,omitempty" doc:"How often it was out beside that."`

	// reason is why it failed last.
	//
	// +optional
	Reason string `json:"reason,omitempty"`
}

// RetryRange is a range that goes out again.
//
// +kubebuilder:object:generate=true
type RetryRange struct {
	Range `json:",inline"`

	// attempts is how often it failed, expired or was given back.
	//
	// +required
	Attempts int32 `json:"attempts" doc:"How often it failed, expired or was given back."`

	// forgiven is how many of the attempts are nobody's fault.
	//
	// +optional
	Forgiven int32 `json:"forgiven,omitempty" doc:"How many of the attempts are nobody's fault."`

	// limit is the largest block it goes out in; 0: no bound.
	//
	// +optional
	Limit int64 `json:"limit,omitempty" doc:"The largest block it goes out in; 0: no bound."`

	// until is when it has rested; absent: it has.
	//
	// +optional
	// +kubebuilder:validation:Format=micro-time
	Until *metav1.MicroTime `json:"until,omitempty" doc:"When it has rested and goes out again."`

	// reason is why it failed last.
	//
	// +optional
	Reason string `json:"reason,omitempty" doc:"Of the last failure."`
}

// Handout is the intent to give a range to a Block. It stands until the Block has it, or is gone; any controller may
// carry it out, and none gives the range to another Block meanwhile.
//
// +kubebuilder:object:generate=true
type Handout struct {
	Range `json:",inline"`

	// block is the name of the Block.
	//
	// +required
	Block string `json:"block"`

	// uid is the Block's.
	//
	// +required
	UID types.UID `json:"uid"`

	// turn is that of the Block in which it has the range.
	//
	// +required
	Turn int64 `json:"turn"`

	// worker is the Block's.
	//
	// +required
	Worker string `json:"worker"`

	// attempt is 1 the first time the range is out.
	//
	// +required
	Attempt int32 `json:"attempt"`
}

// Found is a value that a worker found in an item.
//
// +kubebuilder:object:generate=true
type Found struct {
	// index is the item's.
	//
	// +required
	// +kubebuilder:validation:Minimum=0
	Index int64 `json:"index" minimum:"0"`

	// value is what was found.
	//
	// +required
	// +kubebuilder:validation:MaxLength=4096
	Value string `json:"value" maxLength:"4096"`

	// worker is who found it.
	//
	// +optional
	Worker string `json:"worker,omitempty"`
}
