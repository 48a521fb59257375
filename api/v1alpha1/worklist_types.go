package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
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
// +kubebuilder:subresource:scale:specpath=.spec.workers.parallelism,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:resource:shortName=wl,categories=all;teamtask
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Complete")].reason`
// +kubebuilder:printcolumn:name="Progress",type=string,JSONPath=`.status.progress`
// +kubebuilder:printcolumn:name="Size",type=integer,JSONPath=`.status.size`
// +kubebuilder:printcolumn:name="Failed",type=integer,JSONPath=`.status.failed`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Done",type=integer,JSONPath=`.status.done`,priority=1
// +kubebuilder:printcolumn:name="Blocks",type=integer,JSONPath=`.status.blocksOut`,priority=1
// +kubebuilder:printcolumn:name="Workers",type=integer,JSONPath=`.status.workers`,priority=1
// +kubebuilder:printcolumn:name="Rate",type=string,JSONPath=`.status.itemsPerSecond`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Complete")].message`,priority=1
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.status) || !has(oldSelf.status.next) || oldSelf.status.next == 0 || (has(self.spec.items) == has(oldSelf.spec.items) && (!has(self.spec.items) || self.spec.items == oldSelf.spec.items))",message="cannot be changed once items are handed out; make a new list",fieldPath=".spec.items"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.status) || !has(oldSelf.status.next) || oldSelf.status.next == 0 || (has(self.spec.size) ? self.spec.size : 0) == (has(oldSelf.spec.size) ? oldSelf.spec.size : 0)",message="cannot be changed once items are handed out; make a new list",fieldPath=".spec.size"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.status) || !has(oldSelf.status.next) || oldSelf.status.next == 0 || (has(self.spec.block.size) ? self.spec.block.size : 0) == (has(oldSelf.spec.block.size) ? oldSelf.spec.block.size : 0)",message="cannot be changed once items are handed out; make a new list",fieldPath=".spec.block.size"
// +kubebuilder:validation:XValidation:rule="!has(self.spec.after) || !(self.metadata.name in self.spec.after)",message="a list cannot come after itself",fieldPath=".spec.after"
type Worklist struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the object's, as everywhere in Kubernetes.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what is to be done and how it is shared out.
	//
	// +required
	Spec WorklistSpec `json:"spec"`

	// status is what the system found.
	//
	// +optional
	// +kubebuilder:default={conditions: {{type: Complete, status: "False", reason: New, message: "no controller has looked at it yet", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
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
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:XValidation:rule="has(self.items) || has(self.size) && self.size > 0",message="a worklist has at least 1 item: give a size or items",fieldPath=".size"
// +kubebuilder:validation:XValidation:rule="!(has(oldSelf.cancelled) && oldSelf.cancelled) || has(self.cancelled) && self.cancelled",message="cannot be taken back; make a new list",fieldPath=".cancelled"
// +kubebuilder:validation:XValidation:rule="(has(self.command) ? self.command : []) == (has(oldSelf.command) ? oldSelf.command : [])",message="cannot be changed; make a new list",fieldPath=".command"
type WorklistSpec struct {
	// size is the number of items, 1 to 2^53-1. It may be left out where items gives it.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Size int64 `json:"size,omitempty" doc:"Number of items, 1 to 9007199254740991; may be left out where items gives it." minimum:"0" maximum:"9007199254740991"`

	// items says what item i is. Without it the items are the integers 0 to size-1.
	//
	// +optional
	Items *items.Spec `json:"items,omitempty" doc:"What item i is; without it the items are the integers 0 to size-1."`

	// command binds the list to a command line: a worker that would run another one is refused. Empty: any command.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1024
	// +kubebuilder:validation:items:MaxLength=131072
	Command []string `json:"command,omitempty" doc:"Binds the list to this command line; a worker with another one is refused."`

	// block says how large the blocks are that are handed out, and how long and how often each is tried.
	//
	// +optional
	// +kubebuilder:default={}
	Block BlockPolicy `json:"block,omitzero" doc:"How large the blocks are that are handed out, and how long and how often each is tried."`

	// limits bounds what is out at one time.
	//
	// +optional
	Limits Limits `json:"limits,omitzero" doc:"Bounds on what is out at one time."`

	// toleratedFailures is how many items may be given up, as a count or a share of the list ("5%"), before the list
	// stops as failed. Without it any number is tolerated.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 : self.matches('^([0-9]{1,2}([.][0-9]+)?|100([.]0+)?)%$')",message="must be a count (10) or a share of the items (\"5%\")"
	ToleratedFailures *intstr.IntOrString `json:"toleratedFailures,omitempty" doc:"How many items may be given up, as a count or a share (\"5%\"), before the list stops as failed; without it any number."`

	// stopAtFirstSuccess ends the list as complete when a worker reports a found value.
	//
	// +optional
	StopAtFirstSuccess bool `json:"stopAtFirstSuccess,omitempty" doc:"End the list as complete when a worker reports a found value."`

	// redoStragglers lets idle workers do the oldest blocks a second time at the very end; the first completion counts.
	// The command must bear being run twice on an item.
	//
	// +optional
	RedoStragglers bool `json:"redoStragglers,omitempty" doc:"At the very end let idle workers do the oldest blocks a second time; the first completion counts."`

	// priority orders lists for workers that serve several: the highest goes first. Default 0.
	//
	// +optional
	// +kubebuilder:validation:Minimum=-2147483648
	// +kubebuilder:validation:Maximum=2147483647
	Priority int32 `json:"priority,omitempty" doc:"For workers that serve several lists: the highest goes first."`

	// weight shares workers between lists of one priority. Default 1.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	Weight int32 `json:"weight,omitempty" minimum:"0" maximum:"1000000" doc:"Share of the workers among lists of one priority; default 1."`

	// deadline is how long the list may take from its creation on; then it stops as failed. Without it: for ever.
	//
	// +optional
	// +kubebuilder:validation:Format=duration
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) > duration('0s')",message="must be a duration above 0, such as 90s or 1h30m"
	Deadline *metav1.Duration `json:"deadline,omitempty" doc:"How long the list may take from its creation on before it stops as failed."`

	// after names lists that must be complete before this one is handed out.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a list: lower-case letters, digits, - and . only, beginning and ending with a letter or digit"
	After []string `json:"after,omitempty" doc:"Lists that must be complete before this one is handed out."`

	// suspend holds back new blocks; blocks that are out may be finished.
	//
	// +optional
	Suspend bool `json:"suspend,omitempty" doc:"Hold back new blocks; blocks that are out may be finished."`

	// cancelled ends the list for good; what is out is refused from then on.
	//
	// +optional
	Cancelled bool `json:"cancelled,omitempty" doc:"End the list for good."`

	// retryFailed has items that were given up tried again whenever it is raised.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	RetryFailed int64 `json:"retryFailed,omitempty" minimum:"0" doc:"On Kubernetes: raise it to have items that were given up tried again."`

	// results says what is kept of each block's outcome.
	//
	// +optional
	Results ResultsPolicy `json:"results,omitzero" doc:"What is kept of each block's outcome."`

	// workers are pods that work on the list. Without it, bring your own.
	//
	// +optional
	Workers *WorkersSpec `json:"workers,omitempty" doc:"On Kubernetes: pods that work on the list; without it, bring your own."`
}

// The schema has the template as optional, and a rule says that it is needed: `kubectl scale` of a list without workers gives it some
// that have none, and is to be told more than that a value is required.

// WorkersSpec describes the pods that work on a list.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:XValidation:rule="has(self.template)",message="is missing, so the list has no pods of its own, and none to scale: give the pod that is to work on it, or scale what works on it now",fieldPath=".template"
// +kubebuilder:validation:XValidation:rule="!has(self.template) || has(self.template.spec) && size(self.template.spec.containers) > 0 && has(self.template.spec.containers[0].command) && size(self.template.spec.containers[0].command) > 0",message="spec.containers[0].command is needed: it is run for each block, with {start} and {end} filled in, and an image's own command is not known",fieldPath=".template"
// +kubebuilder:validation:XValidation:rule="!has(self.template) || !has(self.template.spec) || !has(self.template.spec.restartPolicy) || self.template.spec.restartPolicy in ['OnFailure', 'Never']",message="spec.restartPolicy must be OnFailure, the default, or Never: a worker ends when there is nothing left to do",fieldPath=".template"
type WorkersSpec struct {
	// parallelism is the number of pods. Default 1.
	//
	// +optional
	// +kubebuilder:default=1
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	Parallelism *int32 `json:"parallelism,omitempty" minimum:"0" maximum:"100000" doc:"Number of pods; default 1."`

	// slots is how many commands each pod runs at a time. Default 1.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=10000
	Slots int32 `json:"slots,omitempty" minimum:"0" maximum:"10000" doc:"Commands that each pod runs at a time; default 1."`

	// template is the pod. The command of its first container is run for each block; replacement strings such as {start}
	// and {end} stand for the block's items. Any image will do.
	//
	// +optional
	Template corev1.PodTemplateSpec `json:"template" doc:"The pod; the command of its first container is run for each block."`
}

// BlockPolicy sizes blocks and bounds their leases. Zero values take the defaults.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:XValidation:rule="!(has(self.size) && self.size > 0 && (has(self.target) || has(self.minSize) || has(self.maxSize)))",message="fixes the size; leave it out to aim at a duration (target) within minSize and maxSize",fieldPath=".size"
// +kubebuilder:validation:XValidation:rule="!(has(self.minSize) && has(self.maxSize) && self.maxSize > 0 && self.minSize > self.maxSize)",messageExpression="'is %d, above maxSize %d'.format([self.minSize, self.maxSize])",fieldPath=".minSize"
type BlockPolicy struct {
	// size fixes the number of items of a block. 0: aim at target.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	Size int64 `json:"size,omitempty" minimum:"0" maximum:"9007199254740991" doc:"Fixed number of items of a block; 0 or absent: aim at target."`

	// target is how long a worker should take for a block, measured per worker. Default 10s.
	//
	// +optional
	// +kubebuilder:validation:Format=duration
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) > duration('0s')",message="must be a duration above 0, such as 90s or 1h30m"
	Target *metav1.Duration `json:"target,omitempty" doc:"How long a worker should take for a block, measured per worker; default 10s."`

	// minSize is the smallest block that is aimed at. Default 1.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	MinSize int64 `json:"minSize,omitempty" minimum:"0" maximum:"9007199254740991" doc:"Smallest block that is aimed at; default 1."`

	// maxSize is the largest block that is aimed at. Default no bound.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=9007199254740991
	MaxSize int64 `json:"maxSize,omitempty" minimum:"0" maximum:"9007199254740991" doc:"Largest block that is aimed at; default no bound."`

	// timeout is how long a worker may hold a block without renewing its lease. Default 60s, at least 1s (on a List server 100ms).
	//
	// +optional
	// +kubebuilder:default="60s"
	// +kubebuilder:validation:Format=duration
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) >= duration('1s')",message="must be a duration of at least 1s, such as 90s or 1h30m"
	Timeout *metav1.Duration `json:"timeout,omitempty" doc:"How long a worker may hold a block without renewing its lease; default 60s, at least 100ms, on Kubernetes 1s."`

	// maxAttempts is how often a block may fail or expire before it is split in halves, and a single item before it is
	// given up. Default 3.
	//
	// +optional
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	MaxAttempts int32 `json:"maxAttempts,omitempty" minimum:"0" maximum:"1000" doc:"How often a block may fail or expire before it is split in halves, and a single item before it is given up; default 3."`

	// backoff is how long a failed block rests before it goes out again.
	//
	// +optional
	// +kubebuilder:default={}
	Backoff BackoffPolicy `json:"backoff,omitzero" doc:"How long a failed block rests before it goes out again."`
}

// BackoffPolicy is an exponential back-off: Initial, doubled after each further failure, at most Max.
//
// +kubebuilder:object:generate=true
type BackoffPolicy struct {
	// initial is the rest after the first failure. Default 1s.
	//
	// +optional
	// +kubebuilder:default="1s"
	// +kubebuilder:validation:Format=duration
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) > duration('0s')",message="must be a duration above 0, such as 90s or 1h30m"
	Initial *metav1.Duration `json:"initial,omitempty" doc:"Rest after the first failure; default 1s."`

	// max is the longest rest. Default 1m.
	//
	// +optional
	// +kubebuilder:default="1m"
	// +kubebuilder:validation:Format=duration
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) > duration('0s')",message="must be a duration above 0, such as 90s or 1h30m"
	Max *metav1.Duration `json:"max,omitempty" doc:"Longest rest; default 1m."`
}

// Limits bounds what is out at one time; 0 means no bound.
//
// +kubebuilder:object:generate=true
type Limits struct {
	// blocksPerWorker is how many blocks one worker may hold.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	BlocksPerWorker int32 `json:"blocksPerWorker,omitempty" minimum:"0" doc:"Most blocks one worker may hold; 0: no bound."`

	// blocks is how many blocks may be out.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	Blocks int32 `json:"blocks,omitempty" minimum:"0" doc:"Most blocks that may be out; 0: no bound."`

	// itemsPerSecond is how many items may be handed out per second, on average: a quantity, such as 50, 10k, or "0.5"
	// (in quotes: Kubernetes takes no fractions as numbers).
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 : self.matches('^[0-9]+([.][0-9]*)?([numkMGTPE]|[KMGTPE]i|[eE][0-9]{1,2})?$') && quantity(self).compareTo(quantity('9007199254740991')) <= 0",message="must be a quantity such as 50, 10k or \"0.5\"; 0 is no bound"
	ItemsPerSecond *resource.Quantity `json:"itemsPerSecond,omitempty" doc:"Most items handed out per second, on average; 0: no bound."`
}

// KeepResults says which outcomes are kept as rows.
//
// +kubebuilder:validation:Enum=Failures;Blocks;Items
type KeepResults string

// The ways to keep results.
const (
	// KeepFailures keeps a row for each failure and each found value.
	KeepFailures KeepResults = "Failures"
	// KeepBlocks keeps failures, found values and who did which blocks. The default.
	KeepBlocks KeepResults = "Blocks"
	// KeepItems keeps a row for each item, as reported by the worker.
	KeepItems KeepResults = "Items"
)

// ResultsPolicy says what is kept of each block's outcome. The rows are kept by a List server; on Kubernetes the pods'
// logs have them, and a Worklist's status the failures.
//
// +kubebuilder:object:generate=true
type ResultsPolicy struct {
	// keep is which rows are kept. Default Blocks.
	//
	// +optional
	Keep KeepResults `json:"keep,omitempty" enum:"Failures,Blocks,Items" doc:"Which rows are kept; default Blocks."`

	// output is how many bytes of an item's output are kept. Default none, at most 64Ki.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 0 && self <= 65536 : self.matches('^[0-9]+([.][0-9]*)?([numkMGTPE]|[KMGTPE]i|[eE][0-9]{1,2})?$') && quantity(self).compareTo(quantity('64Ki')) <= 0",message="must be 0 to 64Ki"
	Output *resource.Quantity `json:"output,omitempty" doc:"How many bytes of an item's output are kept; default none, at most 64Ki."`

	// limit bounds all rows of the list together; beyond it the oldest rows of successes are dropped. Default 64Mi.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 65536 : self.matches('^[0-9]+([.][0-9]*)?([numkMGTPE]|[KMGTPE]i|[eE][0-9]{1,2})?$') && quantity(self).compareTo(quantity('64Ki')) >= 0",message="must be a quantity of at least 64Ki"
	Limit *resource.Quantity `json:"limit,omitempty" doc:"Bound on all rows together; beyond it the oldest rows of successes are dropped; default 64Mi."`
}
