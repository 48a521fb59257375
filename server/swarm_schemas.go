package server

import (
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

var swarmType = reflect.TypeFor[v1alpha1.Swarm]()

// swarmSchemas has huma read the resources of swarms as it can: it does not know Kubernetes' inlined fields.
func swarmSchemas(alias func(t, as reflect.Type)) {
	alias(swarmType, reflect.TypeFor[swarmDoc]())
	alias(reflect.TypeFor[v1alpha1.SwarmList](), reflect.TypeFor[swarmListDoc]())
	alias(reflect.TypeFor[v1alpha1.Assignment](), reflect.TypeFor[assignmentDoc]())
	alias(reflect.TypeFor[v1alpha1.AssignmentList](), reflect.TypeFor[assignmentListDoc]())
	alias(reflect.TypeFor[v1alpha1.WorkloadItem](), reflect.TypeFor[workloadItemDoc]())
	alias(reflect.TypeFor[metav1.LabelSelector](), reflect.TypeFor[labelSelector]())
}

type (
	swarmDoc struct {
		APIVersion string               `json:"apiVersion" enum:"teamtask.dev/v1alpha1"`
		Kind       string               `json:"kind" enum:"Swarm"`
		Metadata   objectMeta           `json:"metadata"`
		Spec       v1alpha1.SwarmSpec   `json:"spec"`
		Status     v1alpha1.SwarmStatus `json:"status,omitempty" readOnly:"true"`
	}
	swarmListDoc struct {
		APIVersion string     `json:"apiVersion"`
		Kind       string     `json:"kind"`
		Metadata   listMeta   `json:"metadata"`
		Items      []swarmDoc `json:"items"`
	}
	assignmentDoc struct {
		APIVersion string                    `json:"apiVersion"`
		Kind       string                    `json:"kind"`
		Metadata   objectMeta                `json:"metadata"`
		Spec       v1alpha1.AssignmentSpec   `json:"spec"`
		Status     v1alpha1.AssignmentStatus `json:"status"`
	}
	assignmentListDoc struct {
		APIVersion string          `json:"apiVersion"`
		Kind       string          `json:"kind"`
		Metadata   listMeta        `json:"metadata"`
		Items      []assignmentDoc `json:"items"`
	}
	workloadItemDoc struct {
		Name string `json:"name" minLength:"1" maxLength:"253" doc:"Unique in the Swarm."`
		v1alpha1.WorkloadNeeds
	}
	labelSelector struct {
		MatchLabels      map[string]string          `json:"matchLabels,omitempty"`
		MatchExpressions []labelSelectorRequirement `json:"matchExpressions,omitempty"`
	}
	labelSelectorRequirement struct {
		Key      string   `json:"key"`
		Operator string   `json:"operator"`
		Values   []string `json:"values,omitempty"`
	}
)
