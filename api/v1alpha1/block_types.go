package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Block is a lease on a range of a worklist's items.
//
// On Kubernetes creating a Block asks for work, as an Ingress asks for an address: it is Pending until status gives index and
// size. Its worker then keeps renewTime new, and says in status what it has done; when the Block is finished it is merged into
// its Worklist and deleted, or given its next range if the spec says refill. A List server makes Blocks up when asked: all
// ranges that are out, or wait to go out again.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=blk,categories=teamtask
// +kubebuilder:selectablefield:JSONPath=`.spec.worklist`
// +kubebuilder:selectablefield:JSONPath=`.spec.worker`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.ready`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Restarts",type=integer,JSONPath=`.status.restarts`
// +kubebuilder:printcolumn:name="Index",type=integer,JSONPath=`.status.index`
// +kubebuilder:printcolumn:name="Size",type=integer,JSONPath=`.status.size`
// +kubebuilder:printcolumn:name="Worklist",type=string,JSONPath=`.spec.worklist`,priority=1
// +kubebuilder:printcolumn:name="Worker",type=string,JSONPath=`.spec.worker`,priority=1
// +kubebuilder:printcolumn:name="Done",type=integer,JSONPath=`.status.done`,priority=1
// +kubebuilder:printcolumn:name="Turn",type=integer,JSONPath=`.status.turn`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
type Block struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the object's, as everywhere in Kubernetes.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec asks for work.
	//
	// +required
	Spec BlockSpec `json:"spec"`

	// status is where the block stands.
	//
	// +optional
	// +kubebuilder:default={ready: "0/1", restarts: 0, conditions: {{type: Ready, status: "False", reason: Pending, message: "it has not been given any items yet", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status BlockStatus `json:"status,omitzero"`
}

// BlockList is a page of blocks.
//
// +kubebuilder:object:root=true
type BlockList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Block `json:"items"`
}

// BlockSpec asks for work.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="a Block's spec cannot be changed; delete the Block, which gives its items back, and make a new one"
type BlockSpec struct {
	// worklist is the list of which a range is asked for, in the Block's namespace.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a list: lower-case letters, digits, - and . only, beginning and ending with a letter or digit"
	Worklist string `json:"worklist" doc:"The list it belongs to."`

	// worker does the work: unique among those at work. For a pod it is the pod's name, whatever was asked for.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Worker string `json:"worker,omitempty" doc:"Who does the work."`

	// user is who created the Block, as the API server knows them: nobody else may turn it in.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	User string `json:"user,omitempty" doc:"On Kubernetes: who created the Block."`

	// size is for tiers, which share their Blocks out: about so many items. 0: as the list says.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Size int64 `json:"size,omitempty" doc:"On Kubernetes, of a tier: about so many items are wanted."`

	// refill asks for the next range in the same Block once its range is merged, instead of deleting the Block.
	//
	// +optional
	Refill bool `json:"refill,omitempty" doc:"On Kubernetes: the Block is given its next range once the last is merged."`
}

// BlockFinalizer keeps a Block until what it has done is merged into its Worklist.
const BlockFinalizer = Group + "/merge"

// Types of conditions of a Block.
const (
	// ConditionReady is always there: whether the block's items are in its worker's hands. Its reason is its BlockPhase.
	ConditionReady = "Ready"
	// ConditionFinished is true once the worker has turned the block in, or lost it.
	ConditionFinished = "Finished"
)

// BlockPhase is where a block stands: the reason of its condition Ready.
type BlockPhase string

// The phases of a block. One that waits for a range on Kubernetes is Pending at first, and then has a [NoneReason] for its phase.
const (
	BlockPending BlockPhase = "Pending" // it has not been given any items yet
	BlockWorking BlockPhase = "Working" // a worker holds its lease
	BlockResting BlockPhase = "Resting" // it failed, and rests before it goes out again
	BlockWaiting BlockPhase = "Waiting" // it is to go out again
	BlockInDoubt BlockPhase = "InDoubt" // it was out when its list was taken over; its holder may still finish it

	BlockDone     BlockPhase = "Done"     // all is done but what it says failed
	BlockReleased BlockPhase = "Released" // given back: what is not done goes out again, nobody's fault
	BlockExpired  BlockPhase = "Expired"  // its lease has run out: what is not done goes out again
)

// Over tells whether the block's turn is over.
func (p BlockPhase) Over() bool { return p == BlockDone || p == BlockReleased || p == BlockExpired }

// BlockStatus is where a block stands.
//
// +kubebuilder:object:generate=true
type BlockStatus struct {
	// turn counts the ranges the Block was given. With the Block's UID it names a lease: who writes of a turn that is over is
	// refused.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Turn int64 `json:"turn,omitempty" doc:"On Kubernetes: counts the ranges that the Block was given."`

	// index is that of the range's first item: absent while the Block is Pending.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Index *int64 `json:"index,omitempty"`

	// size is the number of items in the range: absent while the Block is Pending.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=9007199254740991
	Size *int64 `json:"size,omitempty"`

	// restarts is how often the range was out before.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Restarts int32 `json:"restarts" doc:"How often the range was out before."`

	// ready is 1/1 while the items are in the worker's hands.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Ready string `json:"ready,omitempty" doc:"1/1 while the items are in the worker's hands."`

	// done is how many items are done.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Done int64 `json:"done,omitempty" doc:"Items of it reported done while the rest is still held."`

	// doneRanges are the ranges that are done.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4096
	DoneRanges []Range `json:"doneRanges,omitempty" doc:"On Kubernetes: ranges of it that are done."`

	// failedRanges failed; those that are final are given up at once.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1024
	FailedRanges []FailedItems `json:"failedRanges,omitempty" doc:"On Kubernetes: ranges of it that failed."`

	// found are values found in it.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=100
	Found []Found `json:"found,omitempty" doc:"On Kubernetes: values found in it."`

	// elapsed is how long the worker took for what is done.
	//
	// +optional
	// +kubebuilder:validation:Format=duration
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) >= duration('0s')",message="must be a duration such as 90s or 1h30m"
	Elapsed *metav1.Duration `json:"elapsed,omitempty" doc:"On Kubernetes: how long the worker took for what is done."`

	// renewTime is when the worker last said that it is there, by its own clock: only that it changes counts.
	//
	// +optional
	// +kubebuilder:validation:Format=micro-time
	RenewTime *metav1.MicroTime `json:"renewTime,omitempty" doc:"On Kubernetes: when the worker last said that it is there."`

	// deadline is when the lease runs out, or the block may go out again. Only a List server says so.
	//
	// +optional
	Deadline *metav1.Time `json:"deadline,omitempty" doc:"When the lease runs out, or the block may go out again."`

	// conditions are Ready, whose reason says where the block stands, and Finished.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// FailedItems is a range that failed.
//
// +kubebuilder:object:generate=true
type FailedItems struct {
	Range `json:",inline"`
	// reason says why, in a few words.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason,omitempty" maxLength:"1024" doc:"Why, in a few words."`
	// final has the range given up at once.
	//
	// +optional
	Final bool `json:"final,omitempty" doc:"Give up at once: the worker has retried, or knows that it is hopeless."`
	// attempts is how often the worker has tried it, if more than once.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Attempts int32 `json:"attempts,omitempty" minimum:"0" maximum:"1000000" doc:"How often the worker has tried it, if more than once."`
}

// Range is what the Block was given; of size 0 while it is Pending.
func (s *BlockStatus) Range() Range {
	if s.Index == nil || s.Size == nil {
		return Range{}
	}
	return Range{Index: *s.Index, Size: *s.Size}
}

// Attempt is 1 the first time the range is out.
func (s *BlockStatus) Attempt() int { return int(s.Restarts) + 1 }

// Phase is where the block stands.
func (s *BlockStatus) Phase() BlockPhase {
	if c := meta.FindStatusCondition(s.Conditions, ConditionReady); c != nil {
		return BlockPhase(c.Reason)
	}
	return BlockPending
}

// Reason is why it stands there, in a sentence.
func (s *BlockStatus) Reason() string {
	if c := meta.FindStatusCondition(s.Conditions, ConditionReady); c != nil {
		return c.Message
	}
	return ""
}

// Finished is how the block's turn ended; "" while it goes on.
func (s *BlockStatus) Finished() BlockPhase {
	if c := meta.FindStatusCondition(s.Conditions, ConditionFinished); c != nil && c.Status == metav1.ConditionTrue {
		return BlockPhase(c.Reason)
	}
	return ""
}

// Held tells whether the worker has a range in hand.
func (s *BlockStatus) Held() bool { return s.Index != nil && s.Size != nil && s.Finished() == "" }

// SetPhase says where the block stands, and that its turn is over, if it is.
func (s *BlockStatus) SetPhase(p BlockPhase, reason string, at metav1.Time) {
	ready := metav1.ConditionFalse
	s.Ready = "0/1"
	if p == BlockWorking {
		ready, s.Ready = metav1.ConditionTrue, "1/1"
	}
	c := metav1.Condition{Type: ConditionReady, Status: ready, Reason: string(p), Message: reason, LastTransitionTime: at}
	if old := meta.FindStatusCondition(s.Conditions, ConditionReady); old != nil && old.Status == c.Status && old.Reason == c.Reason {
		c.LastTransitionTime = old.LastTransitionTime
	}
	s.Conditions = []metav1.Condition{c}
	if p.Over() {
		s.Conditions = append(s.Conditions, metav1.Condition{Type: ConditionFinished, Status: metav1.ConditionTrue, Reason: string(p), Message: reason, LastTransitionTime: at})
	}
}
