package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SwarmKind is the kind of a Swarm as it stands in manifests.
const SwarmKind = "Swarm"

// Swarm shares standing workloads out among the workers of a pool: each has exactly one owner at a time, and keeps it as long as
// that leaves the loads even.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.workers,selectorpath=.status.selector
// +kubebuilder:resource:shortName=sw,categories=all;teamtask
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Converged")].reason`
// +kubebuilder:printcolumn:name="Workers",type=integer,JSONPath=`.status.workers`
// +kubebuilder:printcolumn:name="Current",type=string,JSONPath=`.status.current`
// +kubebuilder:printcolumn:name="Workloads",type=integer,JSONPath=`.status.workloads`
// +kubebuilder:printcolumn:name="Moving",type=integer,JSONPath=`.status.moving`
// +kubebuilder:printcolumn:name="Waiting",type=integer,JSONPath=`.status.waiting`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Version",type=integer,JSONPath=`.status.version`,priority=1
// +kubebuilder:printcolumn:name="Balanced",type=string,JSONPath=`.status.conditions[?(@.type=="Balanced")].reason`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Converged")].message`,priority=1
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')",message="the name of a Swarm has at most 63 characters and no dots: Assignments are named SWARM.WORKER"
type Swarm struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the object's, as everywhere in Kubernetes.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what is to be owned, and who may own it.
	//
	// +required
	Spec SwarmSpec `json:"spec"`

	// status is what the system found.
	//
	// +optional
	// +kubebuilder:default={conditions: {{type: Converged, status: "False", reason: New, message: "no controller has looked at it yet", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status SwarmStatus `json:"status,omitzero"`
}

// SwarmList is a page of swarms.
//
// +kubebuilder:object:root=true
type SwarmList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Swarm `json:"items"`
}

// SwarmSpec says what is to be owned, and who may own it. All of it may be changed while it runs.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:XValidation:rule="!has(self.refresh) || self.refresh == 'Watch' || has(self.configMap)",message="is needed where refresh is Reload or Restart: programs that do not watch read their part there",fieldPath=".configMap"
// +kubebuilder:validation:XValidation:rule="!has(self.refresh) || self.refresh == 'Watch' || has(self.pool)",message="is needed where refresh is Reload or Restart: what is touched or restarted are its pods",fieldPath=".pool"
// +kubebuilder:validation:XValidation:rule="!has(self.refresh) || self.refresh != 'Restart' || !has(self.pool) || self.pool.kind == 'StatefulSet'",message="must be StatefulSet where refresh is Restart: a pod of a Deployment comes back under another name, and so as another worker; choose Watch or Reload for it",fieldPath=".pool.kind"
// +kubebuilder:validation:XValidation:rule="!has(self.refresh) || self.refresh != 'Reload' || has(self.versionFrom)",message="is needed where refresh is Reload: only the pods can tell when they have read their part",fieldPath=".versionFrom"
// +kubebuilder:validation:XValidation:rule="(has(self.refresh) && self.refresh != 'Watch') == (has(oldSelf.refresh) && oldSelf.refresh != 'Watch')",message="cannot be changed from Watch to another, or back: what workers run was told to them in one way, and would not be taken back in the other; make another Swarm",fieldPath=".refresh"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.refresh) || oldSelf.refresh == 'Watch' || !has(self.configMap) || self.configMap == oldSelf.configMap",message="cannot be changed where refresh is Reload or Restart: pods would go on with what they read in the old one; make another Swarm",fieldPath=".configMap"
// +kubebuilder:validation:XValidation:rule="!has(self.versionFrom) || has(self.refresh) && self.refresh != 'Watch'",message="is asked for where refresh is Reload: workers that watch say by themselves what they run; leave it out, or choose Reload",fieldPath=".versionFrom"
// +kubebuilder:validation:XValidation:rule="!has(self.replicas) || has(self.pool)",message="scales a pool: name one (spec.pool)",fieldPath=".replicas"
type SwarmSpec struct {
	// pool is whose pods are the workers. Without it workers join by themselves, with `teamtask swarm agent` or the Go client.
	//
	// +optional
	Pool *PoolReference `json:"pool,omitempty" doc:"On Kubernetes: whose pods are the workers; without it workers join by themselves."`

	// replicas has the Swarm scale its pool: a worker that is to go is drained first. Without it the pool is scaled by others.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100000
	Replicas *int32 `json:"replicas,omitempty" minimum:"0" maximum:"100000" doc:"On Kubernetes: has the Swarm scale its pool, and drain workers before they go."`

	// workloads are what is shared out.
	//
	// +optional
	Workloads WorkloadSources `json:"workloads,omitzero" doc:"What is shared out."`

	// capacity bounds the sum of weights on each worker. 0: no bound.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000
	Capacity int64 `json:"capacity,omitempty" minimum:"0" maximum:"1000000000" doc:"Greatest sum of weights on a worker; 0: no bound."`

	// refresh is how workers learn of a change. Watch: they follow their Assignment. Reload: they read the ConfigMap when it changes,
	// which is hurried on. Restart: pods whose part has changed are restarted. Watch cannot be changed to another, nor another to Watch.
	//
	// +optional
	// +kubebuilder:default=Watch
	Refresh RefreshPolicy `json:"refresh,omitempty" enum:"Watch,Reload,Restart" doc:"How workers learn of a change: Watch (the default), Reload or Restart."`

	// configMap is where all parts are published, for programs that know nothing of Teamtask: its key config.yml has for each worker
	// its jobs and their version.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a ConfigMap: lower-case letters, digits, - and . only, beginning and ending with a letter or digit"
	ConfigMap string `json:"configMap,omitempty" doc:"On Kubernetes: the ConfigMap in which all parts are published."`

	// versionFrom is where pods are asked which version of their part they run, with refresh Reload.
	//
	// +optional
	VersionFrom *VersionSource `json:"versionFrom,omitempty" doc:"On Kubernetes: where pods are asked which version they run, with refresh Reload."`

	// handover is what is done for a workload never to have two owners.
	//
	// +optional
	// +kubebuilder:default={}
	Handover HandoverPolicy `json:"handover,omitzero" doc:"What is done for a workload never to have two owners."`

	// suspend leaves everything where it is: what has lost its owner waits.
	//
	// +optional
	Suspend bool `json:"suspend,omitempty" doc:"Leave everything where it is; what has lost its owner waits."`
}

// PoolReference names what has pods, in the Swarm's namespace.
//
// +kubebuilder:object:generate=true
type PoolReference struct {
	// kind is StatefulSet or Deployment.
	//
	// +required
	// +kubebuilder:validation:Enum=StatefulSet;Deployment
	Kind string `json:"kind" enum:"StatefulSet,Deployment" doc:"StatefulSet or Deployment."`

	// name is its name.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of an object: lower-case letters, digits, - and . only, beginning and ending with a letter or digit"
	Name string `json:"name" doc:"Its name."`
}

// Made tells whether a pod was made for the pool: by the StatefulSet, or by a ReplicaSet of the Deployment, which is named after it
// and the pod's template.
func (p PoolReference) Made(pod metav1.Object) bool {
	owner := metav1.GetControllerOfNoCopy(pod)
	if owner == nil || owner.APIVersion != "apps/v1" {
		return false
	}
	if p.Kind == "Deployment" {
		return owner.Kind == "ReplicaSet" && owner.Name == p.Name+"-"+pod.GetLabels()["pod-template-hash"]
	}
	return owner.Kind == p.Kind && owner.Name == p.Name
}

// VersionSource is where a pod tells, over HTTP, which version of its part it runs: the latest whose jobs, and no others, it runs.
// It answers GET with that number, or with JSON or YAML that has it as version.
//
// +kubebuilder:object:generate=true
type VersionSource struct {
	// port is where it listens.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	Port int32 `json:"port" minimum:"1" maximum:"65535" doc:"Where the pod listens."`

	// path is what is asked for.
	//
	// +optional
	// +kubebuilder:default=/version
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:Pattern=`^/[!-~]*$`
	Path string `json:"path,omitempty" doc:"What is asked for; default /version."`
}

// WorkloadSources says where workloads come from. Those of all sources are taken together; Workload objects that name the Swarm
// always count. A name that comes twice is an error, and changes nothing.
//
// The API server refuses one that is in names and in list. To look each name up in a list would cost more than it allows at the
// greatest sizes, so the rule makes a map of the list. What ConfigMaps and Workload objects add it cannot see: that is for the
// controller, and the reason Invalid.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:XValidation:rule="!has(self.names) || !has(self.list) || [self.list.transformMapEntry(i, x, {x.name: true})].all(listed, !self.names.exists(n, n in listed))",messageExpression=`'has "' + self.names[[self.list.transformMapEntry(i, x, {x.name: true})].map(listed, self.names.transformList(i, n, n in listed, i))[0][0]] + '", as has spec.workloads.names; take it out of one of them, or rename it'`,fieldPath=".list"
type WorkloadSources struct {
	// names are workloads of weight 1 that need nothing.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=10000
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$`
	Names []string `json:"names,omitempty" doc:"Workloads of weight 1 that need nothing."`

	// list are workloads that need something.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=4096
	List []WorkloadItem `json:"list,omitempty" doc:"Workloads that need something: a weight, a worker of their own, labels."`

	// configMaps selects ConfigMaps whose values have a workload on each line, or, where the key ends in .yml or .yaml, a list `jobs`.
	// A selector that is empty would take every ConfigMap of the namespace, and so is refused.
	//
	// +optional
	// +kubebuilder:validation:XValidation:rule="has(self.matchLabels) && size(self.matchLabels) > 0 || has(self.matchExpressions) && size(self.matchExpressions) > 0",message="is empty, and would select every ConfigMap of the namespace, kube-root-ca.crt among them: say which, as in matchLabels: {swarm: NAME}"
	ConfigMaps *metav1.LabelSelector `json:"configMaps,omitempty" doc:"On Kubernetes: selects ConfigMaps with a workload on each line."`
}

// WorkloadItem is a workload and what it needs.
//
// +kubebuilder:object:generate=true
type WorkloadItem struct {
	// name is unique in the Swarm.
	//
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$`
	Name string `json:"name" doc:"Unique in the Swarm."`

	WorkloadNeeds `json:",inline"`
}

// WorkloadNeeds is what a workload needs of its worker.
//
// +kubebuilder:object:generate=true
type WorkloadNeeds struct {
	// weight is how much of a worker it takes. Default 1.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000000
	Weight int64 `json:"weight,omitempty" minimum:"0" maximum:"1000000000" doc:"How much of a worker it takes; default 1."`

	// exclusive gives it a worker of its own.
	//
	// +optional
	Exclusive bool `json:"exclusive,omitempty" doc:"Give it a worker of its own."`

	// priority says who waits when there is not room for all: the lowest. Default 0.
	//
	// +optional
	// +kubebuilder:validation:Minimum=-2147483648
	// +kubebuilder:validation:Maximum=2147483647
	Priority int32 `json:"priority,omitempty" doc:"When there is not room for all the lowest waits; default 0."`

	// requires are labels that the worker must have.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, !format.qualifiedName().validate(k).hasValue())",messageExpression=`'has "' + self.filter(k, format.qualifiedName().validate(k).hasValue())[0] + '", which is no name of a label: 1 to 63 letters, digits, -, _ and ., beginning and ending with a letter or digit, with a DNS name and / before it or not'`
	Requires map[string]string `json:"requires,omitempty" doc:"Labels that the worker must have."`
}

// RefreshPolicy is how workers learn of a change.
//
// +kubebuilder:validation:Enum=Watch;Reload;Restart
type RefreshPolicy string

// The ways to learn of a change.
const (
	RefreshWatch   RefreshPolicy = "Watch"
	RefreshReload  RefreshPolicy = "Reload"
	RefreshRestart RefreshPolicy = "Restart"
)

// HandoverMode weighs being available against being safe.
//
// +kubebuilder:validation:Enum=Safe;Available
type HandoverMode string

// The modes of a handover.
const (
	// HandoverSafe grants a workload only when nobody else may still run it. The default.
	HandoverSafe HandoverMode = "Safe"
	// HandoverAvailable grants it at once: for a moment it may have two owners, of which its target can tell the newer by the epoch.
	HandoverAvailable HandoverMode = "Available"
)

// HandoverPolicy is what is done for a workload never to have two owners.
//
// +kubebuilder:object:generate=true
type HandoverPolicy struct {
	// mode is Safe or Available.
	//
	// +optional
	// +kubebuilder:default=Safe
	Mode HandoverMode `json:"mode,omitempty" enum:"Safe,Available" doc:"Safe (the default): one owner at most. Available: granted at once, for a moment there may be two."`

	// timeout is how long a worker may take to acknowledge its part before its pod is restarted. Default 30s.
	//
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:Format=duration
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) >= duration('1s')",message="must be a duration of at least 1s, such as 90s or 1h30m"
	Timeout *metav1.Duration `json:"timeout,omitempty" doc:"How long a worker may take to acknowledge its part before it is restarted; default 30s."`

	// lease is how long a worker may be silent before it is held to be gone; one that cannot renew it stops by itself before.
	// Default 15s.
	//
	// +optional
	// +kubebuilder:default="15s"
	// +kubebuilder:validation:Format=duration
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) >= duration('2s')",message="must be a duration of at least 2s, such as 15s or 1m"
	Lease *metav1.Duration `json:"lease,omitempty" doc:"How long a worker may be silent before it is held to be gone; default 15s."`

	// patience is how long a worker that is gone keeps its workloads, for they need not move if it comes back. Default 30s.
	//
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:Format=duration
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$')",message="must be a duration such as 30s or 5m"
	Patience *metav1.Duration `json:"patience,omitempty" doc:"How long a worker that is gone keeps its workloads in case it comes back; default 30s."`
}

// SwarmFinalizer keeps a Swarm until its workers have let go of everything.
const SwarmFinalizer = Group + "/handover"

// Types of conditions of a Swarm.
const (
	// ConditionConverged is always there: whether every worker runs its part as it is wanted. Its reason is the STATUS column.
	ConditionConverged = "Converged"
	// ConditionBalanced tells whether the loads are even and nothing waits.
	ConditionBalanced = "Balanced"
)

// Reasons of the condition Converged.
const (
	SwarmConverged = "Converged" // every worker runs its part
	SwarmMoving    = "Moving"    // workloads are being handed over
	SwarmWaiting   = "Waiting"   // workloads wait for room
	SwarmNoWorkers = "NoWorkers" // nobody is there to own anything
	SwarmInvalid   = "Invalid"   // the workloads or the pool cannot be had; nothing is changed
	SwarmSuspended = "Suspended" // everything stays where it is
	SwarmUnknown   = "Unknown"   // the server has just begun, and has not heard of all workers yet
)

// SwarmStatus is what the system found. It holds what the controller must remember; who owns what stands in the Assignments.
//
// +kubebuilder:object:generate=true
type SwarmStatus struct {
	// version counts decisions. Assignments take their versions from it, grants their epochs: the sum of it and epochBase.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Version int64 `json:"version,omitempty" doc:"Counts decisions."`

	// epochBase is what epochs count from: when the Swarm was made, in milliseconds since 1970. So they are greater than those of a
	// Swarm of its name that was deleted before.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	EpochBase int64 `json:"epochBase,omitempty" doc:"What epochs count from: when the Swarm was made, in milliseconds since 1970."`

	// workers is how many workers there are.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Workers int32 `json:"workers,omitempty" doc:"How many workers there are."`

	// current is how many of them run their part as it is wanted.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=32
	Current string `json:"current,omitempty" doc:"How many of them run their part as it is wanted."`

	// workloads is how many there are to be owned.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Workloads int64 `json:"workloads,omitempty" doc:"How many there are to be owned."`

	// moving is how many are on their way from one worker to another.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Moving int64 `json:"moving,omitempty" doc:"How many are on their way to another worker."`

	// waiting is how many have no owner because there is no room for them, or because their worker is not there.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Waiting int64 `json:"waiting,omitempty" doc:"How many have no owner for want of room, or because their worker is not there."`

	// selector finds the pool's pods, for autoscalers.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=4096
	Selector string `json:"selector,omitempty" doc:"On Kubernetes: finds the pool's pods."`

	// writing are the workers whose Assignments the latest decision changes. One that is older than the version was perhaps not
	// written: that is made sure of before anything else is granted.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=189
	Writing []string `json:"writing,omitempty" doc:"On Kubernetes: the workers whose Assignments the latest decision changes."`

	// waits are some of those that wait, and why.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Waits []WaitingWorkload `json:"waits,omitempty" doc:"Some of those that wait, and why."`

	// conditions are Converged, whose reason says where the Swarm stands, and Balanced.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// WaitingWorkload is one that has no owner.
//
// +kubebuilder:object:generate=true
type WaitingWorkload struct {
	// name is the workload's.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`

	// reason says why it waits, in a sentence.
	//
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason"`
}

// Phase is where the swarm stands: the reason of its condition Converged.
func (s *SwarmStatus) Phase() string {
	if c := meta.FindStatusCondition(s.Conditions, ConditionConverged); c != nil {
		return c.Reason
	}
	return "New"
}
