package v1alpha1

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AssignmentKind is the kind of an Assignment as it stands in manifests.
const AssignmentKind = "Assignment"

// Assignment is one worker's part of a Swarm: what it is to run, and what it says that it runs.
//
// On Kubernetes the spec is written by the Swarm's controller alone, the status by the worker or, where that knows nothing of
// Teamtask, by the controller that looks after its pod. Its name is SWARM.WORKER.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=asg,categories=teamtask
// +kubebuilder:selectablefield:JSONPath=`.spec.swarm`
// +kubebuilder:selectablefield:JSONPath=`.spec.worker`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Current")].reason`
// +kubebuilder:printcolumn:name="Workloads",type=integer,JSONPath=`.spec.count`
// +kubebuilder:printcolumn:name="Wanted",type=integer,JSONPath=`.spec.version`
// +kubebuilder:printcolumn:name="Runs",type=integer,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Swarm",type=string,JSONPath=`.spec.swarm`,priority=1
// +kubebuilder:printcolumn:name="Worker",type=string,JSONPath=`.spec.worker`,priority=1
// +kubebuilder:printcolumn:name="Load",type=integer,JSONPath=`.spec.load`,priority=1
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Current")].message`,priority=1
// +kubebuilder:validation:XValidation:rule="self.metadata.name == self.spec.swarm + '.' + self.spec.worker",message="an Assignment is named SWARM.WORKER, after its spec.swarm and spec.worker",fieldPath=".spec.worker"
// +kubebuilder:validation:XValidation:rule="!has(self.status) || !has(self.status.version) || self.status.version <= (has(self.spec.version) ? self.spec.version : 0)",message="is of a part that nobody was given yet",fieldPath=".status.version"
type Assignment struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the object's, as everywhere in Kubernetes.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the worker is to run.
	//
	// +required
	Spec AssignmentSpec `json:"spec"`

	// status is what it runs.
	//
	// +optional
	// +kubebuilder:default={conditions: {{type: Current, status: "False", reason: Pending, message: "its worker has not been heard of yet", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status AssignmentStatus `json:"status,omitzero"`
}

// AssignmentList is a page of assignments.
//
// +kubebuilder:object:root=true
type AssignmentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Assignment `json:"items"`
}

// AssignmentSpec is what a worker is to run.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:XValidation:rule="self.swarm == oldSelf.swarm",message="cannot be changed",fieldPath=".swarm"
// +kubebuilder:validation:XValidation:rule="self.worker == oldSelf.worker",message="cannot be changed",fieldPath=".worker"
// +kubebuilder:validation:XValidation:rule="(has(self.version) ? self.version : 0) >= (has(oldSelf.version) ? oldSelf.version : 0)",message="only grows",fieldPath=".version"
type AssignmentSpec struct {
	// swarm is whose part it is, in the Assignment's namespace.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="must be the name of a Swarm: lower-case letters, digits and - only, beginning and ending with a letter or digit"
	Swarm string `json:"swarm" doc:"Whose part it is."`

	// worker is who runs it: for a pod, the pod's name.
	//
	// +required
	// +kubebuilder:validation:MaxLength=189
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Subdomain().validate(self).hasValue()",message="must be the name of a worker: lower-case letters, digits, - and . only, beginning and ending with a letter or digit"
	Worker string `json:"worker" doc:"Who runs it."`

	// user is who made the Assignment, as the API server knows them: beside the pod that is the worker, nobody else may acknowledge it.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	User string `json:"user,omitempty" doc:"On Kubernetes: who made the Assignment."`

	// incarnation tells the worker that the part is for from others of its name, before it and after. Where programs read a ConfigMap it
	// is the Assignment's own UID: the part is for whatever pod has that name.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Incarnation string `json:"incarnation,omitempty" doc:"Tells the worker from others of its name, before it and after."`

	// labels are the worker's, which workloads may require. For a pod they are the pod's.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	Labels map[string]string `json:"labels,omitempty" doc:"The worker's labels, which workloads may require."`

	// draining has everything move away: the worker is about to go.
	//
	// +optional
	Draining bool `json:"draining,omitempty" doc:"Everything is to move away: the worker is about to go."`

	// version is the Swarm's of the decision that changed the part last. The worker acknowledges it.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Version int64 `json:"version,omitempty" doc:"The Swarm's version of the decision that changed the part last."`

	// count is how many workloads it has, load the sum of their weights.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Count int64 `json:"count" doc:"How many workloads it has."`

	// load is the sum of the workloads' weights.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Load int64 `json:"load,omitempty" doc:"The sum of their weights."`

	// workloads are what it is to run.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8192
	Workloads []Grant `json:"workloads,omitempty" doc:"What it is to run."`

	// revoked are workloads that it is to let go of. Nobody else is granted one of them until the worker acknowledges a version that is
	// no less than the entry's.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16384
	Revoked []Revocation `json:"revoked,omitempty" doc:"What it is to let go of, and perhaps runs still."`
}

// Grant is a workload with the epoch of its ownership.
//
// +kubebuilder:object:generate=true
type Grant struct {
	// name is the workload's.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name" doc:"The workload."`

	// epoch is greater than that of every owner before: a target that remembers the greatest can refuse the others.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	Epoch int64 `json:"epoch" doc:"Greater than that of every owner before: a target that remembers the greatest can refuse the others."`
}

// Revocation is a workload that is taken away.
//
// +kubebuilder:object:generate=true
type Revocation struct {
	// name is the workload's.
	//
	// +required
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name" doc:"The workload."`

	// epoch is the grant's.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	Epoch int64 `json:"epoch" doc:"The epoch of the grant."`

	// version is the first without it.
	//
	// +required
	// +kubebuilder:validation:Minimum=1
	Version int64 `json:"version" doc:"The first version without it."`
}

// AssignmentFinalizer keeps an Assignment until its worker can run nothing of it any more.
const AssignmentFinalizer = Group + "/handover"

// ConditionCurrent is always there: whether the worker runs its part as it is wanted. Its reason is the STATUS column.
const ConditionCurrent = "Current"

// Reasons of the condition Current.
const (
	AssignmentPending  = "Pending"  // its worker has not been heard of yet
	AssignmentCurrent  = "Current"  // it runs what is wanted
	AssignmentBehind   = "Behind"   // it runs an older version
	AssignmentFailing  = "Failing"  // it runs an older version, and says why it cannot run the latest
	AssignmentUnknown  = "Unknown"  // the server has just begun, and has not heard of it yet
	AssignmentSilent   = "Silent"   // it has not renewed its lease for some time
	AssignmentGone     = "Gone"     // it is gone, and runs nothing
	AssignmentIdle     = "Idle"     // its pod is there, and does not run
	AssignmentDraining = "Draining" // it gives everything away
)

// LongestTrouble is how many bytes an Assignment's status.trouble takes.
const LongestTrouble = 512

// AssignmentStatus is what a worker runs.
//
// +kubebuilder:object:generate=true
type AssignmentStatus struct {
	// version is that of the part which the worker runs, and nothing else.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Version int64 `json:"version,omitempty" doc:"The version that the worker runs."`

	// incarnation is that of the worker that says so.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Incarnation string `json:"incarnation,omitempty" doc:"That of the worker that says so."`

	// draining is the worker's wish that everything is moved away, as it is about to go.
	//
	// +optional
	Draining bool `json:"draining,omitempty" doc:"The worker is about to go, and wants everything to be moved away."`

	// trouble is why the worker could not apply its part, which it tries again; none: it could, or has not tried yet.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=512
	Trouble string `json:"trouble,omitempty" doc:"Why the worker could not apply its part, which it tries again."`

	// renewTime is when the worker last said that it is there, by its own clock: only that it changes counts.
	//
	// +optional
	// +kubebuilder:validation:Format=micro-time
	RenewTime *metav1.MicroTime `json:"renewTime,omitempty" doc:"When the worker last said that it is there."`

	// lease is how long the worker holds itself to be there after renewTime. It takes a change of the Swarm's over with a renewal.
	//
	// +optional
	// +kubebuilder:validation:Format=duration
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(ns|us|µs|ms|s|m|h))+$') && duration(self) >= duration('2s')",message="must be a duration of at least 2s, such as 15s or 1m"
	Lease *metav1.Duration `json:"lease,omitempty" doc:"How long the worker holds itself to be there after renewTime."`

	// pod is the UID of the worker's pod when it was last seen, with refresh Reload or Restart; none: there was no pod.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Pod string `json:"pod,omitempty" doc:"On Kubernetes, with refresh Reload or Restart: the pod that was last seen."`

	// published is the version of the worker's entry that was in the ConfigMap before the pod was last seen: a pod that comes later
	// reads that entry, or a later one.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Published int64 `json:"published,omitempty" doc:"On Kubernetes, with refresh Reload or Restart: the version of the entry that later pods read at least."`

	// reads is the version of the entry that the pod has read at least.
	//
	// +optional
	// +kubebuilder:validation:Minimum=0
	Reads int64 `json:"reads,omitempty" doc:"On Kubernetes, with refresh Reload or Restart: the version of the entry that the pod has read at least."`

	// conditions are Current, whose reason says where the worker stands.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Phase is where the worker stands: the reason of its condition Current.
func (s *AssignmentStatus) Phase() string {
	if c := meta.FindStatusCondition(s.Conditions, ConditionCurrent); c != nil {
		return c.Reason
	}
	return AssignmentPending
}

// SetPhase says where the worker stands, and why, in a sentence. The time is that since when it stands there.
func (s *AssignmentStatus) SetPhase(phase, message string, at metav1.Time) {
	c := metav1.Condition{Type: ConditionCurrent, Status: metav1.ConditionFalse, Reason: phase, Message: message, LastTransitionTime: at}
	if phase == AssignmentCurrent {
		c.Status = metav1.ConditionTrue
	}
	if old := meta.FindStatusCondition(s.Conditions, ConditionCurrent); old != nil && old.Reason == phase && (phase != AssignmentPending || old.LastTransitionTime.Unix() > 0) { // the schema knows no time
		c.LastTransitionTime = old.LastTransitionTime
	}
	s.Conditions = []metav1.Condition{c}
}

// There tells whether the worker is there, so that something may be granted to it. If it is not, since is when it was last there,
// or when it began to be expected. Where the incarnation is a slot, the Assignment's own UID, the worker is there while its pod is.
func (a *Assignment) There() (there bool, since time.Time) {
	if i := a.Status.Incarnation; i != "" && (i != string(a.UID) || a.Status.Pod != "") {
		return true, time.Time{}
	}
	since = a.CreationTimestamp.Time
	if c := meta.FindStatusCondition(a.Status.Conditions, ConditionCurrent); c != nil && c.Reason == AssignmentGone && c.LastTransitionTime.After(since) {
		since = c.LastTransitionTime.Time
	}
	return false, since
}
