package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
	"teamtask.dev/controller/diagnosis"
)

// idle is why no worker has any of what is free, as the second half of a sentence that begins "5 items are free to be taken,
// but".
func (e *explanation) idle() string {
	for i := range e.Blocks {
		switch b := &e.Blocks[i]; {
		case b.Status.Held() || b.Status.Finished() != "":
		case b.Status.Phase() == v1alpha1.BlockPending:
			return fmt.Sprintf("Block %s, which asks for some, has had no answer yet", b.Name)
		default:
			return fmt.Sprintf("Block %s, which asks for some, waits: %s", b.Name, b.Status.Reason())
		}
	}
	return "no worker asks for them: " + cmp.Or(e.fullQuota(), e.trouble(), e.missing())
}

// workers says what keeps pods from working, unless it was said.
func (e *explanation) workers() {
	if trouble := e.trouble(); trouble != "" && !e.said(trouble) && e.List.Status.Phase() == v1alpha1.PhaseActive {
		e.say("Not all workers run: %s.", trouble)
	}
}

// quota says what the namespace does not allow, unless it was said.
func (e *explanation) quota() {
	if full := e.fullQuota(); full != "" && !e.said(full) {
		e.say("No more Blocks can be made: %s.", full)
	}
}

// fullQuota is a quota of the namespace that leaves no room for a Block; "" if none does.
func (e *explanation) fullQuota() string {
	const count = corev1.ResourceName("count/blocks." + v1alpha1.Group)
	for _, q := range e.Quotas {
		hard, bounded := q.Status.Hard[count]
		used := q.Status.Used[count]
		if bounded && used.Cmp(hard) >= 0 {
			return fmt.Sprintf("the ResourceQuota %s allows %s in the namespace, and %s there", q.Name, text.Number(hard.Value(), "Block", "Blocks"), are(used.Value()))
		}
	}
	return ""
}

func are(n int64) string {
	if n == 1 {
		return "1 is"
	}
	return text.Count(n) + " are"
}

// trouble is what keeps worker pods from working; "" if nothing is known to.
func (e *explanation) trouble() string {
	if found := diagnosis.Of(e.Pods, e.refusals()); found.Reason != "" {
		return strings.TrimSuffix(found.Text, ".")
	}
	for i := range e.Pods {
		if p := &e.Pods[i]; p.Status.Phase == corev1.PodFailed {
			return fmt.Sprintf("pod %s failed: %s", p.Name, cmp.Or(p.Status.Message, p.Status.Reason, "see its log"))
		}
	}
	if len(e.Denied) > 0 {
		return fmt.Sprintf("%s; bind the ClusterRole teamtask-worker to it", e.Denied[0])
	}
	if c := meta.FindStatusCondition(e.List.Status.Conditions, v1alpha1.ConditionWorkers); c != nil && c.Status == metav1.ConditionFalse {
		return strings.TrimSuffix(c.Message, ".")
	}
	return ""
}

// refusals are the events about pods of the list's Jobs that could not be made, where there are fewer than there should be.
func (e *explanation) refusals() (out []corev1.Event) {
	var wanted int32
	jobs := map[types.UID]bool{}
	for _, j := range e.Jobs {
		if p := j.Spec.Parallelism; p != nil {
			wanted += *p
		}
		jobs[j.UID] = true
	}
	if len(e.Pods) >= int(wanted) {
		return nil
	}
	for _, w := range e.recent() {
		if jobs[w.InvolvedObject.UID] && w.Reason == "FailedCreate" {
			out = append(out, w)
		}
	}
	return out
}

// missing is why no pods work, where there is nothing wrong with those that there are.
func (e *explanation) missing() string {
	w, running := e.List.Spec.Workers, e.running()
	switch {
	case len(running) > 0 && e.Now.Sub(running[0].CreationTimestamp.Time) < grace:
		return fmt.Sprintf("pod %s has just begun", running[0].Name)
	case len(running) > 0:
		return fmt.Sprintf("%s, but none of them asks; see `kubectl logs --namespace %s %s`",
			text.Number(int64(len(running)), "pod runs", "pods run"), e.List.Namespace, running[0].Name)
	case w == nil:
		return fmt.Sprintf("start one with `teamtask work --kube --namespace %s %s -- COMMAND`, or give the list workers of its own (spec.workers)",
			e.List.Namespace, e.List.Name)
	case w.Parallelism != nil && *w.Parallelism == 0:
		return fmt.Sprintf("it is to have 0 worker pods; `kubectl scale --namespace %s worklist/%s --replicas=1` gives it one", e.List.Namespace, e.List.Name)
	case len(e.Pods) > 0:
		return fmt.Sprintf("pod %s is about to start", e.Pods[0].Name)
	}
	return "its worker pods have not been made yet"
}

// running are the pods that run, the oldest first.
func (e *explanation) running() (out []*corev1.Pod) {
	for i := range e.Pods {
		if p := &e.Pods[i]; p.Status.Phase == corev1.PodRunning && p.DeletionTimestamp.IsZero() {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b *corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return out
}
