package worklists

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// Each write is for the Block as it was read: if it has changed since, the API server answers with a conflict.

// give writes a handout to its Block.
func (r *Reconciler) give(ctx context.Context, list *v1alpha1.Worklist, g Gift) error {
	b := g.Block.DeepCopy()
	owned, kept := slices.ContainsFunc(b.OwnerReferences, isWorklist), slices.Contains(b.Finalizers, v1alpha1.BlockFinalizer)
	if !owned || !kept { // made by hand: it is to go with its list, and not before it is merged
		before := b.DeepCopy()
		if !owned {
			b.OwnerReferences = append(b.OwnerReferences, metav1.OwnerReference{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.WorklistKind, Name: list.Name, UID: list.UID})
		}
		if !kept {
			b.Finalizers = append(b.Finalizers, v1alpha1.BlockFinalizer)
		}
		if err := r.Client.Patch(ctx, b, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
			return fmt.Errorf("make block %s its list's: %w", b.Name, err)
		}
	}
	st := v1alpha1.BlockStatus{Turn: g.Turn, Index: &g.Index, Size: &g.Size, Restarts: g.Attempt - 1, RenewTime: b.Status.RenewTime, Conditions: b.Status.Conditions}
	st.SetPhase(v1alpha1.BlockWorking, "", metav1.Now())
	b.Status = st
	if err := r.Client.Status().Update(ctx, b); err != nil {
		return fmt.Errorf("give block %s its items: %w", b.Name, err)
	}
	return nil
}

// tell writes why a Block is given nothing. What it did in its last turn is merged.
func (r *Reconciler) tell(ctx context.Context, n Notice) error {
	b := n.Block.DeepCopy()
	st := v1alpha1.BlockStatus{Turn: b.Status.Turn, RenewTime: b.Status.RenewTime, Conditions: b.Status.Conditions}
	st.SetPhase(n.Reason, n.Text, metav1.Now())
	b.Status = st
	if err := r.Client.Status().Update(ctx, b); err != nil {
		return fmt.Errorf("tell block %s why it waits: %w", b.Name, err)
	}
	return nil
}

// discard deletes a Block whose work is merged, or that has none.
func (r *Reconciler) discard(ctx context.Context, b *v1alpha1.Block) error {
	b = b.DeepCopy()
	if i := slices.Index(b.Finalizers, v1alpha1.BlockFinalizer); i >= 0 {
		before := b.DeepCopy()
		b.Finalizers = slices.Delete(b.Finalizers, i, i+1)
		if err := r.Client.Patch(ctx, b, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
			return fmt.Errorf("let go of block %s: %w", b.Name, err)
		}
	}
	if !b.DeletionTimestamp.IsZero() {
		return nil
	}
	if err := r.Client.Delete(ctx, b, client.Preconditions{UID: &b.UID, ResourceVersion: &b.ResourceVersion}); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("delete block %s: %w", b.Name, err))
	}
	return nil
}
