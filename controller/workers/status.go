package workers

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// fieldOwner is who writes the pods' part of a list's status.
const fieldOwner = client.FieldOwner("teamtask-workers")

// longNote is what the API server takes as the text of an event, in bytes.
const longNote = 1024

// tell writes the report into the list's status, if it is news: what it says, and nothing else of the status. What it does not
// say any more goes.
func (r *Reconciler) tell(ctx context.Context, list *v1alpha1.Worklist, report Report, now metav1.Time) error {
	changed, otherReason := report.news(list, now)
	if !changed {
		return nil
	}
	status := map[string]any{}
	if c := report.Condition; c.Type != "" {
		condition, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&c)
		if err != nil {
			return err
		}
		status = map[string]any{"replicas": int64(report.Replicas), "selector": report.Selector, "conditions": []any{condition}}
	}
	applied := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.APIVersion, "kind": v1alpha1.WorklistKind,
		"metadata": map[string]any{"namespace": list.Namespace, "name": list.Name, "uid": string(list.UID)}, // and no later list of this name
		"status":   status,
	}}
	if err := r.Client.Status().Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), fieldOwner, client.ForceOwnership); client.IgnoreNotFound(err) != nil {
		return unlessStale(fmt.Errorf("write the workers' part of the status: %w", err))
	}
	if c := report.Condition; otherReason && c.Status == metav1.ConditionFalse && c.Reason != starting {
		r.Events.Eventf(list, nil, "Warning", c.Reason, "Work", "%s", v1alpha1.Cut(c.Message, longNote))
	}
	return nil
}
