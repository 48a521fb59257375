package swarms

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// operation is one of a JSON patch (RFC 6902).
type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// grant writes the spec of an Assignment on condition that it is the Assignment that was read, and that its spec is as it was read: the
// API server counts in the generation how often that has changed. The status may have changed meanwhile: workers renew their leases
// and acknowledge when they like, and a write that they could refuse might be refused for ever. Decision 8 says why this is safe.
//
// The API server compares and writes as one, as often as it takes. What is written to an Assignment that is adopted, as it was made by
// hand, the generation does not count: that is compared itself.
func (r *Reconciler) grant(ctx context.Context, a, before *v1alpha1.Assignment) error {
	patch := []operation{
		{"test", "/metadata/uid", before.UID},
		{"test", "/metadata/generation", before.Generation},
		{"replace", "/spec", a.Spec},
	}
	if !slices.Equal(a.Finalizers, before.Finalizers) || len(a.OwnerReferences) != len(before.OwnerReferences) {
		patch = append(patch,
			operation{"test", "/metadata/finalizers", before.Finalizers},
			operation{"test", "/metadata/ownerReferences", before.OwnerReferences},
			operation{"add", "/metadata/finalizers", a.Finalizers},
			operation{"add", "/metadata/ownerReferences", a.OwnerReferences})
	}
	data, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	err = r.Client.Patch(ctx, a, client.RawPatch(types.JSONPatchType, data))
	if failedTest(err) && r.changed(ctx, before) {
		return apierrors.NewConflict(schema.GroupResource{Group: v1alpha1.Group, Resource: "assignments"}, a.Name, fmt.Errorf("its spec has changed since it was read"))
	}
	return err
}

// changed tells whether an Assignment is another than it was as far as [Reconciler.grant] goes, or cannot be read.
func (r *Reconciler) changed(ctx context.Context, before *v1alpha1.Assignment) bool {
	var now v1alpha1.Assignment
	err := r.Live.Get(ctx, client.ObjectKeyFromObject(before), &now)
	return err != nil || now.UID != before.UID || now.Generation != before.Generation ||
		!slices.Equal(now.Finalizers, before.Finalizers) || len(now.OwnerReferences) != len(before.OwnerReferences)
}

// failedTest tells whether an operation `test` of a patch seems to have failed. The API server does not say so in so many words: it says
// that the patch cannot be applied, and names no field, as it would of an object that is not valid. A webhook may say the same for
// reasons of its own.
func failedTest(err error) bool {
	status, ok := err.(apierrors.APIStatus)
	if !ok {
		return false
	}
	s := status.Status()
	return s.Code == http.StatusUnprocessableEntity && s.Reason == metav1.StatusReasonInvalid && (s.Details == nil || len(s.Details.Causes) == 0)
}
