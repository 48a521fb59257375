package policy

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "teamtask.dev/api/v1alpha1"
	"teamtask.dev/kube"
	"teamtask.dev/kube/swarms"
	"teamtask.dev/member"
)

// Nothing is forbidden to the controllers while a Swarm is shared out among the pods of a pool that read a ConfigMap, scaled up and
// down, and deleted. The pods run nowhere, but it is said of them that they do.
func TestControllerSharesOutAmongPods(t *testing.T) {
	ns := newNamespace(t)
	runControllers(t, ns)
	runPods(t, ns)
	set := cams(3)
	if _, err := admin().clientset().AppsV1().StatefulSets(ns).Create(t.Context(), set, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := admin().clientset().CoreV1().ConfigMaps(ns).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "more", Labels: map[string]string{"swarm": "streams"}},
		Data: map[string]string{"streams": "cctv-2\ncctv-3\n"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	sw := newSwarm(api.SwarmSpec{Pool: &api.PoolReference{Kind: "StatefulSet", Name: set.Name}, Replicas: new(int32(2)), Refresh: api.RefreshRestart, ConfigMap: "parts",
		Workloads: api.WorkloadSources{Names: []string{"cctv-0", "cctv-1"}, ConfigMaps: &metav1.LabelSelector{MatchLabels: map[string]string{"swarm": "streams"}}}})
	swarms := admin().swarms(ns)
	if _, err := swarms.create(t.Context(), sw); err != nil {
		t.Fatal(err)
	}
	converged(t, ns, "2/2", 4)
	for _, n := range []int{3, 1} {
		if err := swarms.patch(t.Context(), "streams", fmt.Sprintf(`[{"op": "replace", "path": "/spec/replicas", "value": %d}]`, n)); err != nil {
			t.Fatal(err)
		}
		converged(t, ns, fmt.Sprintf("%d/%d", n, n), 4)
	}
	parts, err := admin().clientset().CoreV1().ConfigMaps(ns).Get(t.Context(), "parts", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if text := parts.Data["config.yml"]; !strings.Contains(text, "cctv-3") {
		t.Errorf("published is\n%s", text)
	}
	swarmGoes(t, ns)
}

// runPods says of the namespace's pods that they run, in place of a kubelet: there is no node here.
func runPods(t *testing.T, ns string) {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(running.Wait)
	t.Cleanup(stop)
	pods := admin().clientset().CoreV1().Pods(ns)
	running.Go(func() {
		for ctx.Err() == nil {
			all, err := pods.List(ctx, metav1.ListOptions{})
			if err == nil {
				for i := range all.Items {
					if pod := &all.Items[i]; pod.Status.Phase == corev1.PodPending {
						pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
							{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
						_, _ = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{}) // if it was changed meanwhile, the next round sees to it
					}
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
}

// The same with members that join by themselves: as a pod, with its own token, and as a person; and with the policies that hold for them.
func TestMembersDoTheirPart(t *testing.T) {
	ns := newNamespace(t)
	runControllers(t, ns)
	if _, err := admin().swarms(ns).create(t.Context(), newSwarm(api.SwarmSpec{Workloads: api.WorkloadSources{Names: []string{"cctv-0", "cctv-1"}}})); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for worker, by := range map[string]caller{"laptop": user("ann", "workers"), "cams-0": pod(t, ns, "default", "cams-0")} {
		c, err := kube.NewClient(by.config)
		if err != nil {
			t.Fatal(err)
		}
		door := &swarms.Door{Client: c, Namespace: ns, Swarm: "streams"}
		ended := make(chan error, 1)
		go func() {
			ended <- member.Run(ctx, door, member.Worker{Name: worker}, member.Options{}, func(context.Context, api.AssignmentSpec) error { return nil })
		}()
		defer func() {
			stop()
			if err := <-ended; err != context.Canceled {
				t.Errorf("%s: %v", worker, err)
			}
		}()
	}
	converged(t, ns, "2/2", 2)
	swarmGoes(t, ns)
}

// cams is a pool of so many pods.
func cams(replicas int32) *appsv1.StatefulSet {
	labels := map[string]string{"app": "cams"}
	return &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "cams"}, Spec: appsv1.StatefulSetSpec{Replicas: &replicas, PodManagementPolicy: appsv1.ParallelPodManagement,
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "cam", Image: "cam"}}}}}}
}

func newSwarm(spec api.SwarmSpec) *api.Swarm {
	return &api.Swarm{TypeMeta: metav1.TypeMeta{APIVersion: api.APIVersion, Kind: api.SwarmKind}, ObjectMeta: metav1.ObjectMeta{Name: "streams"}, Spec: spec}
}

// converged waits until all workers run their part.
func converged(t *testing.T, namespace, current string, workloads int64) {
	t.Helper()
	var sw *api.Swarm
	if err := eventually(t.Context(), func() (err error) {
		if sw, err = admin().swarms(namespace).get(t.Context(), "streams"); err != nil {
			return err
		}
		if s := &sw.Status; s.Phase() != api.SwarmConverged || s.Current != current || s.Workloads != workloads {
			return errNotYet
		}
		return nil
	}); err != nil {
		t.Fatalf("%v: %+v", err, sw.Status)
	}
}

// swarmGoes deletes the Swarm, and waits until nothing of it is left.
func swarmGoes(t *testing.T, namespace string) {
	t.Helper()
	if err := admin().swarms(namespace).remove(t.Context(), "streams"); err != nil {
		t.Fatal(err)
	}
	if err := eventually(t.Context(), func() error {
		if _, err := admin().swarms(namespace).get(t.Context(), "streams"); !apierrors.IsNotFound(err) {
			return errNotYet
		}
		left, err := admin().assignments(namespace).List(t.Context(), metav1.ListOptions{})
		if err == nil && len(left.Items) > 0 {
			err = errNotYet
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
