package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
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
	e.blamed = cmp.Or(e.fullQuota(), e.trouble())
	return "no worker asks for them: " + cmp.Or(e.blamed, e.missing())
}

// workers says what keeps pods from working, unless it was said.
func (e *explanation) workers() {
	if trouble := e.trouble(); trouble != "" && trouble != e.blamed && e.List.Status.Phase() == v1alpha1.PhaseActive {
		e.say("Not all workers run: %s.", trouble)
	}
}

// quota says what the namespace does not allow, unless it was said.
func (e *explanation) quota() {
	if full := e.fullQuota(); full != "" && full != e.blamed {
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
	for i := range e.Pods {
		if t := podTrouble(&e.Pods[i]); t != "" {
			return t
		}
	}
	if len(e.Denied) > 0 {
		return fmt.Sprintf("%s; bind the ClusterRole teamtask-worker to it", e.Denied[0])
	}
	for i := range e.Jobs {
		if t := e.jobTrouble(&e.Jobs[i].ObjectMeta); t != "" {
			return t
		}
	}
	if c := meta.FindStatusCondition(e.List.Status.Conditions, v1alpha1.ConditionWorkers); c != nil && c.Status == metav1.ConditionFalse {
		return c.Message
	}
	return ""
}

// podTrouble is what keeps a pod from working; "" if nothing does.
func podTrouble(p *corev1.Pod) string {
	if !p.DeletionTimestamp.IsZero() {
		return ""
	}
	if p.Status.Phase == corev1.PodFailed {
		return fmt.Sprintf("pod %s failed%s", p.Name, because(p.Status.Reason, p.Status.Message))
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return fmt.Sprintf("pod %s cannot be scheduled: %s", p.Name, c.Message)
		}
	}
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		switch w := c.State.Waiting; {
		case w == nil || w.Reason == "ContainerCreating" || w.Reason == "PodInitializing":
		case w.Reason == "CrashLoopBackOff":
			return fmt.Sprintf("pod %s, container %s ends again and again%s; see `kubectl logs --namespace %s %s --container %s --previous`",
				p.Name, c.Name, ending(c), p.Namespace, p.Name, c.Name)
		default:
			return fmt.Sprintf("pod %s, container %s, image %s: %s", p.Name, c.Name, c.Image, cmp.Or(w.Message, w.Reason))
		}
	}
	return ""
}

// ending is how a container ended last.
func ending(c corev1.ContainerStatus) string {
	t := c.LastTerminationState.Terminated
	if t == nil {
		return ""
	}
	return fmt.Sprintf(" (%s, exit code %d)%s", text.Number(int64(c.RestartCount), "restart", "restarts"), t.ExitCode,
		because(t.Reason, strings.TrimSpace(t.Message)))
}

func because(reason, message string) string {
	if text := cmp.Or(message, reason); text != "" {
		return ": " + text
	}
	return ""
}

// jobTrouble is why a Job has no pods: the last warning about it, unless it is old.
func (e *explanation) jobTrouble(j *metav1.ObjectMeta) string {
	for _, w := range e.recent() {
		if w.Regarding.UID == j.UID {
			return strings.TrimSuffix(w.Note, ".")
		}
	}
	return ""
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

const (
	mostWarnings = 5
	oldWarning   = 10 * time.Minute
)

// recent are the warnings of the last minutes, the latest first.
func (e *explanation) recent() (out []eventsv1.Event) {
	for _, w := range e.Warnings {
		if e.Now.Sub(when(&w)) < oldWarning {
			out = append(out, w)
		}
	}
	slices.SortStableFunc(out, func(a, b eventsv1.Event) int { return when(&b).Compare(when(&a)) })
	return out
}

// when is the time of an event: of the last of a series.
func when(w *eventsv1.Event) time.Time {
	if w.Series != nil {
		return w.Series.LastObservedTime.Time
	}
	latest := w.EventTime.Time
	if w.DeprecatedLastTimestamp.After(latest) {
		latest = w.DeprecatedLastTimestamp.Time
	}
	return latest
}

// warnings repeats what was said lately.
func (e *explanation) warnings() {
	for i, w := range e.recent() {
		if i == mostWarnings {
			e.say("See also `kubectl events --namespace %s --types=Warning`.", e.List.Namespace)
			return
		}
		if note := strings.TrimSuffix(w.Note, "."); !slices.ContainsFunc(e.sentences, func(s string) bool { return strings.Contains(s, note) }) {
			e.say("%s ago, %s %s, %s: %s.", e.ago(when(&w)), w.Regarding.Kind, w.Regarding.Name, w.Reason, note)
		}
	}
}

// podOf is the pod of a leader: client-go's election adds an id of its own to the host's name.
func podOf(leader string) string {
	name, _, _ := strings.Cut(leader, "_")
	return name
}
