// Package diagnosis finds out what keeps pods from running, in the words of whoever keeps them: the API server, the scheduler, the
// kubelet.
package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Trouble is what keeps pods from running.
type Trouble struct {
	Reason string // "": nothing that is known
	Text   string
	NoRoom bool // there would be room if others went
}

// The reasons.
const (
	Refused       = "PodsRefused"   // the API server does not take them
	Unschedulable = "Unschedulable" // no node does
	NotStarting   = "NotStarting"   // a container cannot be started
	Crashing      = "Crashing"      // one ends too early, again and again
)

// Of finds out from some of a Job's pods, and from the events about pods of it that could not be made.
func Of(pods []corev1.Pod, refusals []corev1.Event) Trouble {
	if len(refusals) > 0 {
		last := slices.MaxFunc(refusals, func(a, b corev1.Event) int {
			return cmp.Or(a.LastTimestamp.Compare(b.LastTimestamp.Time), cmp.Compare(a.Name, b.Name))
		})
		return Trouble{Refused, last.Message, strings.Contains(last.Message, "exceeded quota")}
	}
	var found Trouble
	for i := range pods {
		p := &pods[i]
		for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			w := c.State.Waiting
			switch {
			case w == nil || w.Reason == "ContainerCreating" || w.Reason == "PodInitializing":
			case w.Reason == "CrashLoopBackOff":
				found = cmp.Or(found, Trouble{Reason: Crashing, Text: fmt.Sprintf("container %s ends too early, again and again%s: see `kubectl logs --namespace %s %s --container %s --previous`",
					c.Name, exitCode(c), p.Namespace, p.Name, c.Name)})
			default:
				return Trouble{Reason: NotStarting, Text: fmt.Sprintf("pod %s, container %s, image %s: %s: %s", p.Name, c.Name, c.Image, w.Reason, w.Message)}
			}
		}
		for _, c := range p.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
				found = cmp.Or(found, Trouble{Unschedulable, fmt.Sprintf("pod %s: %s", p.Name, c.Message), true})
			}
		}
	}
	return found
}

func exitCode(c corev1.ContainerStatus) string {
	if t := c.LastTerminationState.Terminated; t != nil {
		return fmt.Sprintf(" (%s)", strings.Join(slices.DeleteFunc([]string{fmt.Sprintf("exit code %d", t.ExitCode), t.Reason, strings.TrimSpace(t.Message)},
			func(s string) bool { return s == "" }), ", "))
	}
	return ""
}
