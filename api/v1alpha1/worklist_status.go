package v1alpha1

import (
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
// memory as well: next, the ranges and the assignments are the list's record, from which the ledger is made anew for each
// decision.
//
// +kubebuilder:object:generate=true
type WorklistStatus struct {
	// ObservedGeneration is the generation of the spec that this status goes by.
	//
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty" doc:"The generation of the spec that this status goes by."`

	// Size is the number of items; Done and Failed are how many are done and given up, Leased how many are in blocks that
	// are out, Waiting how many are to be handed out again: released, failed, expired or in doubt after a takeover.
	//
	// +optional
	Size int64 `json:"size" doc:"Number of items."`
	// +optional
	Done int64 `json:"done" doc:"Items done."`
	// +optional
	Failed int64 `json:"failed" doc:"Items given up."`
	// +optional
	Leased int64 `json:"leased" doc:"Items in blocks that are out."`
	// +optional
	Waiting int64 `json:"waiting" doc:"Items to be handed out again: released, failed, expired or in doubt after a takeover."`

	// Progress is the share of the items that are done or given up, for people.
	//
	// +optional
	Progress string `json:"progress,omitempty" doc:"Share of the items that are done or given up, for people."`

	// BlocksOut is how many blocks are out, Workers how many workers hold them.
	//
	// +optional
	BlocksOut int64 `json:"blocksOut" doc:"Blocks that are out."`
	// +optional
	Workers int64 `json:"workers" doc:"Workers that hold blocks."`

	// Next is the index below which every item was handed out at least once.
	//
	// +optional
	Next int64 `json:"next,omitempty" doc:"Every index below it was handed out at least once."`

	// DoneRanges and FailedRanges are merged; a List server cuts long ones to the first 100 and says so by Truncated.
	//
	// +optional
	// +listType=atomic
	DoneRanges []Range `json:"doneRanges,omitempty" doc:"Merged ranges that are done; at most the first 100."`
	// +optional
	// +listType=atomic
	FailedRanges []FailedRange `json:"failedRanges,omitempty" doc:"Merged ranges that were given up; at most the first 100."`
	// +optional
	Truncated bool `json:"truncated,omitempty" doc:"There are more ranges than shown."`

	// RetryRanges failed or expired before, or were given back, and go out again.
	//
	// +optional
	// +listType=atomic
	RetryRanges []RetryRange `json:"retryRanges,omitempty" doc:"On Kubernetes: ranges that failed before, and are out or go out again."`

	// Assignments are ranges that are about to be written to their Blocks.
	//
	// +optional
	// +listType=atomic
	Assignments []Assignment `json:"assignments,omitempty" doc:"On Kubernetes: ranges that are about to be written to their Blocks."`

	// Found are values workers have found; at most the first 100.
	//
	// +optional
	// +listType=atomic
	Found []Found `json:"found,omitempty" doc:"Values workers have found; at most the first 100."`

	// ItemsPerSecond is the items done per second, over the last half minute or so.
	//
	// +optional
	ItemsPerSecond *resource.Quantity `json:"itemsPerSecond,omitempty" doc:"Items done per second, over the last half minute or so."`

	// NanosecondsPerItem is how long a worker takes for an item, smoothed; it sizes blocks that aim at a duration.
	//
	// +optional
	NanosecondsPerItem int64 `json:"nanosecondsPerItem,omitempty" doc:"On Kubernetes: how long a worker takes for an item, smoothed."`

	// BlockSize is the size of the last block that was handed out.
	//
	// +optional
	BlockSize int64 `json:"blockSize,omitempty" doc:"On Kubernetes: size of the last block that was handed out."`

	// NextBlockTime is when the limit on items per second allows the next block.
	//
	// +optional
	NextBlockTime *metav1.MicroTime `json:"nextBlockTime,omitempty" doc:"On Kubernetes: when the limit on items per second allows the next block."`

	// UpdateTime is when the counts last changed.
	//
	// +optional
	UpdateTime *metav1.MicroTime `json:"updateTime,omitempty" doc:"On Kubernetes: when the counts last changed."`

	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty" doc:"When the first block was handed out by this owner."`
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty" doc:"When the list ended."`

	// RetriedFailed is the spec's retryFailed that was last obeyed.
	//
	// +optional
	RetriedFailed int64 `json:"retriedFailed,omitempty" doc:"On Kubernetes: spec.retryFailed that was last obeyed."`

	// Fingerprint changes with anything that changes the items: a list whose items were changed under way is held back.
	//
	// +optional
	Fingerprint string `json:"fingerprint,omitempty" doc:"On Kubernetes: changes with anything that changes the items."`

	// Epoch counts takeovers of the record; Owner is the server that holds it now.
	//
	// +optional
	Epoch int64 `json:"epoch,omitempty" doc:"Takeovers of the record so far."`
	// +optional
	Owner string `json:"owner,omitempty" doc:"The server that owns the list now."`

	// Replicas is how many worker pods there are, Selector chooses them: for kubectl scale.
	//
	// +optional
	Replicas int32 `json:"replicas,omitempty" doc:"On Kubernetes: worker pods that there are."`
	// +optional
	Selector string `json:"selector,omitempty" doc:"On Kubernetes: chooses the worker pods."`

	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Phase is where the list stands; "" if nobody has looked at it yet.
func (s *WorklistStatus) Phase() Phase {
	c := meta.FindStatusCondition(s.Conditions, ConditionComplete)
	if c == nil || c.Reason == "New" {
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

// Range is the indexes from Index on, Size of them.
//
// +kubebuilder:object:generate=true
type Range struct {
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Index int64 `json:"index" minimum:"0" maximum:"9007199254740991"`
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Size int64 `json:"size" minimum:"0" maximum:"9007199254740991"`
}

// FailedRange is a range that was given up.
//
// +kubebuilder:object:generate=true
type FailedRange struct {
	Range    `json:",inline"`
	Attempts int32 `json:"attempts"`
	// +optional
	Reason string `json:"reason,omitempty"`
}

// RetryRange is a range that goes out again.
//
// +kubebuilder:object:generate=true
type RetryRange struct {
	Range `json:",inline"`
	// Attempts is how often it failed, expired or was given back; Forgiven how many of them are nobody's fault.
	Attempts int32 `json:"attempts" doc:"How often it failed, expired or was given back."`
	// +optional
	Forgiven int32 `json:"forgiven,omitempty" doc:"How many of the attempts are nobody's fault."`
	// Limit is the largest block it goes out in; 0: no bound.
	//
	// +optional
	Limit int64 `json:"limit,omitempty" doc:"The largest block it goes out in; 0: no bound."`
	// Until is when it has rested; nil: it has.
	//
	// +optional
	Until *metav1.MicroTime `json:"until,omitempty" doc:"When it has rested and goes out again."`
	// +optional
	Reason string `json:"reason,omitempty" doc:"Of the last failure."`
}

// Assignment is the intent to give a range to a Block. It stands until the Block has it, or is gone; any controller may
// carry it out, and none gives the range to another Block meanwhile.
//
// +kubebuilder:object:generate=true
type Assignment struct {
	Range `json:",inline"`
	// Block and UID name the Block; Turn is the turn in which it has the range.
	Block string    `json:"block"`
	UID   types.UID `json:"uid"`
	Turn  int64     `json:"turn"`
	// Worker is the Block's.
	Worker string `json:"worker"`
	// Attempt is 1 the first time the range is out.
	Attempt int32 `json:"attempt"`
}

// Found is a value that a worker found in an item.
//
// +kubebuilder:object:generate=true
type Found struct {
	// +kubebuilder:validation:Minimum=0
	Index int64 `json:"index" minimum:"0"`
	// +kubebuilder:validation:MaxLength=4096
	Value string `json:"value" maxLength:"4096"`
	// +optional
	Worker string `json:"worker,omitempty"`
}
