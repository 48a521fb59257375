package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// WorkloadKind is the kind of a Workload as it stands in manifests.
const WorkloadKind = "Workload"

// Workload is one workload of a Swarm as an object of its own, for those who add and remove them one at a time. Its name is the
// workload's, unless the spec has another.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=wload,categories=teamtask
// +kubebuilder:selectablefield:JSONPath=`.spec.swarm`
// +kubebuilder:printcolumn:name="Swarm",type=string,JSONPath=`.spec.swarm`
// +kubebuilder:printcolumn:name="Workload",type=string,JSONPath=`.spec.name`
// +kubebuilder:printcolumn:name="Weight",type=integer,JSONPath=`.spec.weight`
// +kubebuilder:printcolumn:name="Exclusive",type=boolean,JSONPath=`.spec.exclusive`
// +kubebuilder:printcolumn:name="Priority",type=integer,JSONPath=`.spec.priority`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Workload struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the object's, as everywhere in Kubernetes.
	//
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says whose it is and what it needs.
	//
	// +required
	Spec WorkloadSpec `json:"spec"`
}

// WorkloadList is a page of workloads.
//
// +kubebuilder:object:root=true
type WorkloadList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Workload `json:"items"`
}

// WorkloadSpec says whose a workload is and what it needs.
//
// +kubebuilder:object:generate=true
// +kubebuilder:validation:XValidation:rule="self.swarm == oldSelf.swarm",message="cannot be changed; delete the Workload and make a new one",fieldPath=".swarm"
type WorkloadSpec struct {
	// swarm is the Swarm that it belongs to, in its namespace.
	//
	// +required
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="!format.dns1123Label().validate(self).hasValue()",message="must be the name of a Swarm: lower-case letters, digits and - only, beginning and ending with a letter or digit"
	Swarm string `json:"swarm"`

	// name is the workload's, where that is none an object may have, such as stream:cctv0. Default: the object's name.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$`
	Name string `json:"name,omitempty"`

	WorkloadNeeds `json:",inline"`
}
