package workers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// takeBack ends the turns of Blocks whose pod is gone: nobody has to wait for their leases to run out. A pod that ended by itself and
// could not say goodbye may have been killed by what it worked on, so it counts as an attempt. One that was deleted, be it to scale
// the list down or to make room, was not: if it had not finished by the end of its grace period, or had not heard that it should,
// that is not for its items to answer for. Should its program still run, on a node that nobody reaches, then what it turns in is
// refused, as after any lease.
func (r *Reconciler) takeBack(ctx context.Context, s *Situation) error {
	if s.List.Status.BlocksOut == 0 || len(s.Jobs) == 0 {
		return nil
	}
	// The Blocks first: a pod that is not there after them will not come, as the name of a pod is not used again.
	var blocks v1alpha1.BlockList
	if err := r.Live.List(ctx, &blocks, client.InNamespace(s.List.Namespace), client.MatchingFields{"spec.worklist": s.List.Name}); err != nil {
		return fmt.Errorf("read the Blocks: %w", err)
	}
	var pods corev1.PodList
	if err := r.Live.List(ctx, &pods, client.InNamespace(s.List.Namespace), client.MatchingLabels{listLabel: labelOf(s.List.Name)}); err != nil {
		return fmt.Errorf("read the pods: %w", err)
	}
	for _, b := range lost(s, blocks.Items, pods.Items) {
		err := r.Client.Status().Update(ctx, b)
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) { // somebody else has ended it, or it is looked at again
			continue
		}
		if err != nil {
			return fmt.Errorf("take back Block %s: %w", b.Name, err)
		}
		kind, reason := "Warning", "PodLost"
		if b.Status.Finished() == v1alpha1.BlockReleased {
			kind, reason = "Normal", "PodDeleted"
		}
		r.Events.Eventf(s.List, b, kind, reason, "TakeBack", "Block %s is taken back: %s", b.Name, b.Status.Reason())
	}
	return nil
}

// lost are the Blocks in the hands of pods of the list's Jobs that are not there any more, or have ended, as they are to be: with
// their turns over.
func lost(s *Situation, blocks []v1alpha1.Block, pods []corev1.Pod) (out []*v1alpha1.Block) {
	there := map[string]*corev1.Pod{}
	for i := range pods {
		there[pods[i].Name] = &pods[i]
	}
	for i := range blocks {
		b := &blocks[i]
		if !b.Status.Held() || !slices.ContainsFunc(s.Jobs, func(j batchv1.Job) bool { return strings.HasPrefix(b.Spec.Worker, j.Name+"-") }) {
			continue
		}
		switch p := there[b.Spec.Worker]; {
		case p == nil, ended(p) && !p.DeletionTimestamp.IsZero():
			b.Status.SetPhase(v1alpha1.BlockReleased, fmt.Sprintf("its worker, pod %s, was deleted", b.Spec.Worker), metav1.NewTime(s.Now))
		case ended(p):
			b.Status.SetPhase(v1alpha1.BlockExpired, fmt.Sprintf("its worker, pod %s, is gone", b.Spec.Worker), metav1.NewTime(s.Now))
		default:
			continue
		}
		out = append(out, b)
	}
	return out
}

func ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded
}
