package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"teamtask.dev/items"
)

// Group, version and kinds as they stand in manifests.
const (
	Group        = "teamtask.dev"
	Version      = "v1alpha1"
	APIVersion   = Group + "/" + Version
	WorklistKind = "Worklist"
	BlockKind    = "Block"
)

// Worklist is a long list of items, 0 to size-1, shared out among workers in blocks.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=wl,categories=all
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Complete")].reason`
// +kubebuilder:printcolumn:name="Done",type=integer,JSONPath=`.status.done`
// +kubebuilder:printcolumn:name="Size",type=integer,JSONPath=`.status.size`
// +kubebuilder:printcolumn:name="Failed",type=integer,JSONPath=`.status.failed`
// +kubebuilder:printcolumn:name="Blocks",type=integer,JSONPath=`.status.blocksOut`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Worklist struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Spec   WorklistSpec   `json:"spec"`
	Status WorklistStatus `json:"status,omitzero"`
}

// WorklistList is a page of worklists.
//
// +kubebuilder:object:root=true
type WorklistList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Worklist `json:"items"`
}

// WorklistSpec says what is to be done and how it is shared out. Size, items and command of a list never change once it
// exists; everything else may be changed while it runs.
type WorklistSpec struct {
	// Size is the number of items, 1 to 2^53-1. It may be left out where items gives it.
	Size int64 `json:"size,omitempty" doc:"Number of items, 1 to 9007199254740991; may be left out where items gives it." minimum:"0" maximum:"9007199254740991"`

	// Items says what item i is. Without it the items are the integers 0 to size-1.
	Items *items.Spec `json:"items,omitempty" doc:"What item i is; without it the items are the integers 0 to size-1."`

	// Command binds the list to a command line: a worker that would run another one is refused. Empty: any command.
	Command []string `json:"command,omitempty" doc:"Binds the list to this command line; a worker with another one is refused."`

	// Block says how large the blocks are that are handed out, and how long and how often each is tried.
	Block BlockPolicy `json:"block,omitzero" doc:"How large the blocks are that are handed out, and how long and how often each is tried."`

	// Limits bounds what is out at one time.
	Limits Limits `json:"limits,omitzero" doc:"Bounds on what is out at one time."`

	// ToleratedFailures is how many items may be given up, as a count or a share of the list ("5%"), before the list
	// stops as failed. Without it any number is tolerated.
	ToleratedFailures *intstr.IntOrString `json:"toleratedFailures,omitempty" doc:"How many items may be given up, as a count or a share (\"5%\"), before the list stops as failed; without it any number."`

	// StopAtFirstSuccess ends the list as complete when a worker reports a found value.
	StopAtFirstSuccess bool `json:"stopAtFirstSuccess,omitempty" doc:"End the list as complete when a worker reports a found value."`

	// RedoStragglers lets idle workers do the oldest blocks a second time at the very end; the first completion counts.
	// The command must bear being run twice on an item.
	RedoStragglers bool `json:"redoStragglers,omitempty" doc:"At the very end let idle workers do the oldest blocks a second time; the first completion counts."`

	// Priority orders lists for workers that serve several: the highest goes first. Default 0.
	Priority int32 `json:"priority,omitempty" doc:"For workers that serve several lists: the highest goes first."`

	// Weight shares workers between lists of one priority. Default 1.
	Weight int32 `json:"weight,omitempty" minimum:"0" maximum:"1000000" doc:"Share of the workers among lists of one priority; default 1."`

	// Deadline is how long the list may take from its creation on; then it stops as failed. Without it: for ever.
	Deadline *metav1.Duration `json:"deadline,omitempty" doc:"How long the list may take from its creation on before it stops as failed."`

	// After names lists that must be complete before this one is handed out.
	After []string `json:"after,omitempty" doc:"Lists that must be complete before this one is handed out."`

	// Suspend holds back new blocks; blocks that are out may be finished.
	Suspend bool `json:"suspend,omitempty" doc:"Hold back new blocks; blocks that are out may be finished."`

	// Cancelled ends the list for good; what is out is refused from then on.
	Cancelled bool `json:"cancelled,omitempty" doc:"End the list for good."`

	// Results says what is kept of each block's outcome.
	Results ResultsPolicy `json:"results,omitzero" doc:"What is kept of each block's outcome."`
}

// BlockPolicy sizes blocks, either fixed or aimed at a duration, and says how long and how often each is tried.
type BlockPolicy struct {
	// Size fixes the number of items of a block. 0: aim at Target.
	Size int64 `json:"size,omitempty" minimum:"0" maximum:"9007199254740991" doc:"Fixed number of items of a block; 0 or absent: aim at target."`

	// Target is how long a worker should take for a block, measured per worker. Default 10s.
	Target *metav1.Duration `json:"target,omitempty" doc:"How long a worker should take for a block, measured per worker; default 10s."`

	// MinSize and MaxSize bound the size that is aimed at. Defaults 1 and no bound.
	MinSize int64 `json:"minSize,omitempty" minimum:"0" maximum:"9007199254740991" doc:"Smallest block that is aimed at; default 1."`
	MaxSize int64 `json:"maxSize,omitempty" minimum:"0" maximum:"9007199254740991" doc:"Largest block that is aimed at; default no bound."`

	// Timeout is how long a worker may hold a block without renewing its lease. Default 60s.
	Timeout *metav1.Duration `json:"timeout,omitempty" doc:"How long a worker may hold a block without renewing its lease; default 60s."`

	// MaxAttempts is how often a block may fail or expire before it is split in halves, and a single item before it is
	// given up. Default 3.
	MaxAttempts int32 `json:"maxAttempts,omitempty" minimum:"0" maximum:"1000" doc:"How often a block may fail or expire before it is split in halves, and a single item before it is given up; default 3."`

	// Backoff is how long a failed block rests before it goes out again.
	Backoff BackoffPolicy `json:"backoff,omitzero" doc:"How long a failed block rests before it goes out again."`
}

// BackoffPolicy is an exponential back-off: Initial, doubled after each further failure, at most Max.
type BackoffPolicy struct {
	Initial *metav1.Duration `json:"initial,omitempty" doc:"Rest after the first failure; default 1s."`
	Max     *metav1.Duration `json:"max,omitempty" doc:"Longest rest; default 1m."`
}

// Limits bounds what is out at one time. Zero means no bound.
type Limits struct {
	BlocksPerWorker int32   `json:"blocksPerWorker,omitempty" minimum:"0" doc:"Most blocks one worker may hold; 0: no bound."`
	Blocks          int32   `json:"blocks,omitempty" minimum:"0" doc:"Most blocks that may be out; 0: no bound."`
	ItemsPerSecond  float64 `json:"itemsPerSecond,omitempty" minimum:"0" doc:"Most items handed out per second, on average; 0: no bound."`
}

// KeepResults says which rows of results are kept.
type KeepResults string

const (
	// KeepFailures keeps a row for each failure and each found value.
	KeepFailures KeepResults = "Failures"
	// KeepBlocks keeps failures, found values and who did which blocks. The default.
	KeepBlocks KeepResults = "Blocks"
	// KeepItems keeps a row for each item, as reported by the worker.
	KeepItems KeepResults = "Items"
)

// ResultsPolicy says what is kept of each block's outcome.
type ResultsPolicy struct {
	// Keep is which rows are kept. Default Blocks.
	Keep KeepResults `json:"keep,omitempty" enum:"Failures,Blocks,Items" doc:"Which rows are kept; default Blocks."`

	// Output is how many bytes of an item's output are kept. Default none, at most 64Ki.
	Output *resource.Quantity `json:"output,omitempty" doc:"How many bytes of an item's output are kept; default none, at most 64Ki."`

	// Limit bounds all rows of the list together; beyond it the oldest rows of successes are dropped. Default 64Mi.
	Limit *resource.Quantity `json:"limit,omitempty" doc:"Bound on all rows together; beyond it the oldest rows of successes are dropped; default 64Mi."`
}

// Phase is where a worklist stands, in a word.
type Phase string

const (
	PhaseWaiting   Phase = "Waiting"   // for a list it comes after
	PhaseActive    Phase = "Active"    // blocks are handed out
	PhaseSuspended Phase = "Suspended" // held back by its spec
	PhaseComplete  Phase = "Complete"  // done + failed = [0,size), or stopped at the first success
	PhaseFailed    Phase = "Failed"    // too many failures, or past its deadline
	PhaseCancelled Phase = "Cancelled" // by its spec
)

// Over tells whether the phase is final: nothing will be handed out any more unless failed items are retried.
func (p Phase) Over() bool {
	return p == PhaseComplete || p == PhaseFailed || p == PhaseCancelled
}

// Condition types of a worklist.
const (
	ConditionComplete = "Complete"
	ConditionFailed   = "Failed"
)

// WorklistStatus is what the system knows of a worklist. What of size is none of done, failed, leased and waiting was never
// handed out.
type WorklistStatus struct {
	Phase  Phase  `json:"phase,omitempty" doc:"Where the list stands: Waiting, Active, Suspended, Complete, Failed or Cancelled."`
	Reason string `json:"reason,omitempty" doc:"Why, in a sentence."`

	Size    int64 `json:"size" doc:"Number of items."`
	Done    int64 `json:"done" doc:"Items done."`
	Failed  int64 `json:"failed" doc:"Items given up."`
	Leased  int64 `json:"leased" doc:"Items in blocks that are out."`
	Waiting int64 `json:"waiting" doc:"Items to be handed out again: released, failed, expired or in doubt after a takeover."`

	BlocksOut int64 `json:"blocksOut" doc:"Blocks that are out."`
	Workers   int64 `json:"workers" doc:"Workers that hold blocks."`

	// DoneRanges and FailedRanges are merged; long ones are cut to the first 100 and said to be so by Truncated.
	DoneRanges   []Range       `json:"doneRanges,omitempty" doc:"Merged ranges that are done; at most the first 100."`
	FailedRanges []FailedRange `json:"failedRanges,omitempty" doc:"Merged ranges that were given up; at most the first 100."`
	Truncated    bool          `json:"truncated,omitempty" doc:"There are more ranges than shown."`

	Found []Found `json:"found,omitempty" doc:"Values workers have found; at most the first 100."`

	ItemsPerSecond float64      `json:"itemsPerSecond,omitempty" doc:"Items done per second, over the last half minute or so."`
	StartTime      *metav1.Time `json:"startTime,omitempty" doc:"When the first block was handed out by this owner."`
	CompletionTime *metav1.Time `json:"completionTime,omitempty" doc:"When the list ended."`

	// Epoch counts takeovers of the record; Owner is the server that holds it now.
	Epoch int64  `json:"epoch,omitempty" doc:"Takeovers of the record so far."`
	Owner string `json:"owner,omitempty" doc:"The server that owns the list now."`

	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Range is items index to index+size-1.
type Range struct {
	Index int64 `json:"index" minimum:"0" maximum:"9007199254740991"`
	Size  int64 `json:"size" minimum:"0" maximum:"9007199254740991"`
}

// FailedRange is a range that was given up, with how often it was tried and why the last attempt failed.
type FailedRange struct {
	Range
	Attempts int    `json:"attempts"`
	Reason   string `json:"reason,omitempty"`
}

// Found is a value found in the item with the given index.
type Found struct {
	Index  int64  `json:"index" minimum:"0"`
	Value  string `json:"value" maxLength:"4096"`
	Worker string `json:"worker,omitempty"`
}
