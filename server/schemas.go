package server

import (
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"teamtask.dev/api/v1alpha1"
)

// schemas are the OpenAPI schemas of the API's types, with plain ones for those that Kubernetes writes in its own way.
func schemas() huma.Registry {
	r := huma.NewMapRegistry("#/components/schemas/", func(t reflect.Type, hint string) string {
		return strings.TrimSuffix(huma.DefaultSchemaNamer(t, hint), "Doc")
	})
	alias := func(t reflect.Type, as reflect.Type) { r.RegisterTypeAlias(t, as) }
	alias(reflect.TypeFor[metav1.Duration](), reflect.TypeFor[durationText]())
	alias(reflect.TypeFor[metav1.Time](), reflect.TypeFor[time.Time]())
	alias(reflect.TypeFor[resource.Quantity](), reflect.TypeFor[quantityText]())
	alias(reflect.TypeFor[metav1.MicroTime](), reflect.TypeFor[time.Time]())
	alias(reflect.TypeFor[corev1.PodTemplateSpec](), reflect.TypeFor[podTemplate]())
	alias(reflect.TypeFor[intstr.IntOrString](), reflect.TypeFor[countOrShare]())
	alias(reflect.TypeFor[metav1.ObjectMeta](), reflect.TypeFor[objectMeta]())
	alias(reflect.TypeFor[metav1.ListMeta](), reflect.TypeFor[listMeta]())
	alias(reflect.TypeFor[v1alpha1.FailedItems](), reflect.TypeFor[failedItemsDoc]())
	alias(reflect.TypeFor[v1alpha1.FailedRange](), reflect.TypeFor[failedRangeDoc]())
	alias(reflect.TypeFor[v1alpha1.RetryRange](), reflect.TypeFor[retryRangeDoc]())
	alias(reflect.TypeFor[v1alpha1.Handout](), reflect.TypeFor[handoutDoc]())
	alias(reflect.TypeFor[v1alpha1.Worklist](), reflect.TypeFor[worklistDoc]())
	alias(reflect.TypeFor[v1alpha1.WorklistList](), reflect.TypeFor[worklistListDoc]())
	alias(reflect.TypeFor[v1alpha1.Block](), reflect.TypeFor[blockDoc]())
	alias(reflect.TypeFor[v1alpha1.BlockList](), reflect.TypeFor[blockListDoc]())
	swarmSchemas(alias)
	return r
}

var (
	exchangeType = reflect.TypeFor[v1alpha1.ExchangeRequest]()
	resultType   = reflect.TypeFor[v1alpha1.Result]()
)

type durationText struct{}

func (durationText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: "A Go duration.", Examples: []any{"90s"},
		Pattern: `^([0-9]+(\.[0-9]*)?(ns|us|µs|ms|s|m|h))+$|^0$`, PatternDescription: "a duration such as 60s"}
}

type quantityText struct{}

func (quantityText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeNumber}}, Description: "A Kubernetes quantity.", Examples: []any{"64Mi"}}
}

type podTemplate struct{}

func (podTemplate) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "A Kubernetes PodTemplateSpec."}
}

type countOrShare struct{}

func (countOrShare) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{OneOf: []*huma.Schema{{Type: huma.TypeInteger}, {Type: huma.TypeString}}, Description: "A count, or a share in percent.", Examples: []any{"5%"}}
}

// The resources as huma can read them: it does not know Kubernetes' inlined fields.
type (
	worklistDoc struct {
		APIVersion string                  `json:"apiVersion" enum:"teamtask.dev/v1alpha1"`
		Kind       string                  `json:"kind" enum:"Worklist"`
		Metadata   objectMeta              `json:"metadata"`
		Spec       v1alpha1.WorklistSpec   `json:"spec"`
		Status     v1alpha1.WorklistStatus `json:"status,omitempty" readOnly:"true"`
	}
	worklistListDoc struct {
		APIVersion string        `json:"apiVersion"`
		Kind       string        `json:"kind"`
		Metadata   listMeta      `json:"metadata"`
		Items      []worklistDoc `json:"items"`
	}
	blockDoc struct {
		APIVersion string               `json:"apiVersion"`
		Kind       string               `json:"kind"`
		Metadata   objectMeta           `json:"metadata"`
		Spec       v1alpha1.BlockSpec   `json:"spec"`
		Status     v1alpha1.BlockStatus `json:"status"`
	}
	blockListDoc struct {
		APIVersion string     `json:"apiVersion"`
		Kind       string     `json:"kind"`
		Metadata   listMeta   `json:"metadata"`
		Items      []blockDoc `json:"items"`
	}
)

// The ranges with something beside them, for the same reason.
type (
	failedItemsDoc struct {
		v1alpha1.Range
		Reason   string `json:"reason,omitempty" maxLength:"1024" doc:"Why, in a few words."`
		Final    bool   `json:"final,omitempty" doc:"Give up at once: the worker has retried, or knows that it is hopeless."`
		Attempts int32  `json:"attempts,omitempty" minimum:"0" maximum:"1000000" doc:"How often the worker has tried it, if more than once."`
	}
	failedRangeDoc struct {
		v1alpha1.Range
		Attempts int32  `json:"attempts"`
		Forgiven int32  `json:"forgiven,omitempty" doc:"How often it was out beside that."`
		Reason   string `json:"reason,omitempty"`
	}
	retryRangeDoc struct {
		v1alpha1.Range
		Attempts int32      `json:"attempts" doc:"How often it failed, expired or was given back."`
		Forgiven int32      `json:"forgiven,omitempty" doc:"How many of the attempts are nobody's fault."`
		Limit    int64      `json:"limit,omitempty" doc:"The largest block it goes out in; 0: no bound."`
		Until    *time.Time `json:"until,omitempty" doc:"When it has rested and goes out again."`
		Reason   string     `json:"reason,omitempty" doc:"Of the last failure."`
	}
	handoutDoc struct {
		v1alpha1.Range
		Block   string `json:"block"`
		UID     string `json:"uid"`
		Turn    int64  `json:"turn"`
		Worker  string `json:"worker"`
		Attempt int32  `json:"attempt"`
	}
)

// objectMeta is what Teamtask uses of Kubernetes' object metadata.
type objectMeta struct {
	Name              string            `json:"name" maxLength:"253"`
	Labels            map[string]string `json:"labels,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"`
	UID               string            `json:"uid,omitempty"`
	ResourceVersion   string            `json:"resourceVersion,omitempty"`
	Generation        int64             `json:"generation,omitempty"`
	Namespace         string            `json:"namespace,omitempty"`
	CreationTimestamp *time.Time        `json:"creationTimestamp,omitempty" nullable:"true"`
	DeletionTimestamp *time.Time        `json:"deletionTimestamp,omitempty" nullable:"true"`
}

type listMeta struct {
	Continue           string `json:"continue,omitempty" doc:"Ask for the next page with this."`
	ResourceVersion    string `json:"resourceVersion,omitempty"`
	RemainingItemCount *int64 `json:"remainingItemCount,omitempty"`
}
