package worklists

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/items"
)

// look adds to a situation what the list depends on beside its Blocks.
func (r *Reconciler) look(ctx context.Context, s *Situation) error {
	list := s.List
	if list.Status.Next > 0 && list.Status.ObservedGeneration == list.Generation && list.Status.Phase() != v1alpha1.PhaseInvalid {
		s.Size, s.Fingerprint = list.Status.Size, list.Status.Fingerprint
	} else if err := r.inspect(ctx, s); err != nil {
		return err
	}
	for _, name := range list.Spec.After {
		var first v1alpha1.Worklist
		err := r.Client.Get(ctx, types.NamespacedName{Namespace: list.Namespace, Name: name}, &first)
		switch {
		case apierrors.IsNotFound(err):
			s.WaitingFor = "worklist " + name + ", which comes first, does not exist"
		case err != nil:
			return fmt.Errorf("look at worklist %s, which comes first: %w", name, err)
		case first.Status.Phase() != v1alpha1.PhaseComplete:
			s.WaitingFor = "worklist " + name + ", which comes first, is not complete"
		}
		if s.WaitingFor != "" {
			break
		}
	}
	if r.MostInAll > 0 {
		var all v1alpha1.BlockList
		if err := r.Client.List(ctx, &all, client.UnsafeDisableDeepCopy); err != nil {
			return fmt.Errorf("count the blocks: %w", err)
		}
		s.Excess = max(0, len(all.Items)-r.MostInAll)
	}
	return nil
}

// inspect finds out how many items there are, and whether they can be worked on.
func (r *Reconciler) inspect(ctx context.Context, s *Situation) error {
	list := s.List.DeepCopy()
	list.APIVersion, list.Kind = v1alpha1.APIVersion, v1alpha1.WorklistKind
	var unreadable error
	source, fingerprint, err := list.Spec.Source(func(spec items.LinesSpec) (*items.Lines, error) {
		lines, err := r.open(ctx, list.Namespace, spec)
		var missing *missingError
		if err != nil && !errors.As(err, &missing) {
			unreadable = err
		}
		return lines, err
	})
	if unreadable != nil {
		return unreadable
	}
	if list.Spec.Items != nil {
		if err != nil {
			s.Problem = "spec." + strings.TrimPrefix(err.Error(), "spec.")
			return nil
		}
		if list.Spec.Size == 0 {
			list.Spec.Size = source.Len()
		}
		if list.Spec.Size != source.Len() {
			s.Problem = fmt.Sprintf("spec.size: is %d, but there are %d items; leave it out", list.Spec.Size, source.Len())
			return nil
		}
		list.Spec.Items = nil // all that is to be known of them is
	}
	if err := list.Complete(); err != nil {
		s.Problem = err.Error()
		return nil
	}
	s.Size, s.Fingerprint = list.Spec.Size, fingerprint
	return nil
}

// missingError says that a user has to make something.
type missingError struct{ what string }

func (e *missingError) Error() string { return e.what }

// open reads the lines of a ConfigMap. Those of a file are where the workers are: their number must be known.
func (r *Reconciler) open(ctx context.Context, namespace string, spec items.LinesSpec) (*items.Lines, error) {
	if spec.ConfigMap == nil {
		if spec.Count == 0 {
			return nil, &missingError{"count: is not given; the controller cannot see the file " + spec.Path + ", which is where the workers are: give the number of its lines"}
		}
		return items.Describe(spec), nil
	}
	var cm corev1.ConfigMap
	name := types.NamespacedName{Namespace: namespace, Name: spec.ConfigMap.Name}
	if err := r.Live.Get(ctx, name, &cm); apierrors.IsNotFound(err) {
		return nil, &missingError{"configMap: there is no ConfigMap " + name.Name + " in the namespace " + namespace}
	} else if err != nil {
		return nil, fmt.Errorf("read ConfigMap %s: %w", name, err)
	}
	text, err := spec.ConfigMap.Text(cm.Data)
	if err != nil {
		return nil, &missingError{err.Error()}
	}
	return items.IndexLines(ctx, strings.NewReader(text), int64(len(text)))
}
