package diagnosis

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// What keeps pods from running is said in the words of whoever keeps them; what can be mended by the user comes first.
func TestTrouble(t *testing.T) {
	pod := func(status corev1.PodStatus) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Status: status}
	}
	waits := func(reason, message string) corev1.Pod {
		return pod(corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "work", Image: "i", State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}})
	}
	crashes := waits("CrashLoopBackOff", "back-off")
	crashes.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}
	installs := pod(corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{{Name: "teamtask-install", Image: "teamtask:1", State: corev1.ContainerState{
		Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "who?"}}}}})
	waitsForNode := pod(corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse,
		Reason: corev1.PodReasonUnschedulable, Message: "0/1 nodes are available"}}})
	refusal := func(at int, message string) corev1.Event {
		return corev1.Event{LastTimestamp: metav1.NewTime(now.Add(time.Duration(at) * time.Second)), Message: message}
	}
	for what, c := range map[string]struct {
		pods     []corev1.Pod
		refusals []corev1.Event
		want     Trouble
	}{
		"none":                     {[]corev1.Pod{pod(corev1.PodStatus{})}, nil, Trouble{}},
		"none, it is about to run": {[]corev1.Pod{waits("PodInitializing", ""), waits("ContainerCreating", "")}, nil, Trouble{}},
		"an image":                 {[]corev1.Pod{waitsForNode, waits("ImagePullBackOff", "no such image")}, nil, Trouble{Reason: NotStarting, Text: "pod p, container work, image i: ImagePullBackOff: no such image"}},
		"Teamtask's own image":     {[]corev1.Pod{installs}, nil, Trouble{Reason: NotStarting, Text: "pod p, container teamtask-install, image teamtask:1: ErrImagePull: who?"}},
		"it crashes": {[]corev1.Pod{crashes, waitsForNode}, nil, Trouble{Reason: Crashing,
			Text: "container work ends too early, again and again (exit code 137, OOMKilled): see `kubectl logs --namespace ns p --container work --previous`"}},
		"no node":             {[]corev1.Pod{waitsForNode}, nil, Trouble{Reason: Unschedulable, Text: "pod p: 0/1 nodes are available", NoRoom: true}},
		"a quota":             {nil, []corev1.Event{refusal(2, "exceeded quota: few"), refusal(1, "forbidden")}, Trouble{Reason: Refused, Text: "exceeded quota: few", NoRoom: true}},
		"the last one counts": {[]corev1.Pod{crashes}, []corev1.Event{refusal(1, "exceeded quota: few"), refusal(2, "forbidden")}, Trouble{Reason: Refused, Text: "forbidden"}},
	} {
		if got := Of(c.pods, c.refusals); got != c.want {
			t.Errorf("%s: %+v\nwant %+v", what, got, c.want)
		}
	}
}
