package workers

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// takeBack ends the turns of Blocks whose pod is gone: nobody has to wait for their leases to run out. A pod that could not say
// goodbye may have been killed by what it worked on, so it counts as an attempt. Should its program still run, on a node
// that nobody reaches, then what it turns in is refused, as after any lease.
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
		b.Status.SetPhase(v1alpha1.BlockExpired, fmt.Sprintf("its worker, pod %s, is gone", b.Spec.Worker), metav1.NewTime(s.Now))
		err := r.Client.Status().Update(ctx, b)
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) { // somebody else has ended it, or it is looked at again
			continue
		}
		if err != nil {
			return fmt.Errorf("take back Block %s: %w", b.Name, err)
		}
		r.Events.Eventf(s.List, b, "Warning", "PodLost", "TakeBack", "Block %s is taken back: its worker, pod %s, is gone", b.Name, b.Spec.Worker)
	}
	return nil
}

// lost are the Blocks in the hands of pods of the list's Jobs that are not there any more, or have ended.
func lost(s *Situation, blocks []v1alpha1.Block, pods []corev1.Pod) (out []*v1alpha1.Block) {
	there := map[string]bool{}
	for i := range pods {
		if p := pods[i].Status.Phase; p != corev1.PodFailed && p != corev1.PodSucceeded {
			there[pods[i].Name] = true
		}
	}
	for i := range blocks {
		b := &blocks[i]
		if !b.Status.Held() || there[b.Spec.Worker] {
			continue
		}
		for _, j := range s.Jobs {
			if strings.HasPrefix(b.Spec.Worker, j.Name+"-") {
				out = append(out, b)
				break
			}
		}
	}
	return out
}
