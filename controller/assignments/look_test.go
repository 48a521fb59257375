package assignments

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Why a pod does not run.
func TestIdle(t *testing.T) {
	waits := func(reason, message string) []corev1.ContainerStatus {
		return []corev1.ContainerStatus{{Name: "main", Image: "cams:1", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}
	}
	unschedulable := []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: "no nodes available."}}
	for _, c := range []struct {
		what   string
		status corev1.PodStatus
		want   string
	}{
		{"it runs", corev1.PodStatus{Phase: corev1.PodRunning}, ""},
		{"it runs, whatever the scheduler said", corev1.PodStatus{Phase: corev1.PodRunning, Conditions: unschedulable}, ""},
		{"it was made just now", corev1.PodStatus{}, "it is being started"},
		{"its container is being made", corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: waits("ContainerCreating", "")}, "it is being started"},
		{"there is no room", corev1.PodStatus{Phase: corev1.PodPending, Conditions: unschedulable}, "pod cams-0: no nodes available"},
		{"there is no such image", corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: waits("ErrImageNeverPull", "it is not there")},
			"pod cams-0, container main, image cams:1: ErrImageNeverPull: it is not there"},
		{"it fails again and again", corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: waits("CrashLoopBackOff", "")},
			"container main ends too early, again and again: see `kubectl logs --namespace streams cams-0 --container main --previous`"},
		{"it has ended", corev1.PodStatus{Phase: corev1.PodFailed}, "it has ended"},
	} {
		t.Run(c.what, func(t *testing.T) {
			if got := idle(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "streams", Name: "cams-0"}, Status: c.status}); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
