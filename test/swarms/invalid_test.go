package swarms

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// Bad input gets a condition that says what to do, and is mended by doing it. What was owned before stays where it is.
func TestBadInput(t *testing.T) {
	labels := map[string]string{"streams": "yes"}
	lines := func(name, text string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}, Data: map[string]string{"streams": text}}
	}
	for _, c := range []struct {
		name    string
		workers int
		change  func(*v1alpha1.SwarmSpec)
		objects []client.Object

		reason, text string
		mend         func(*site)
		workloads    []string // then
		workersThen  int
	}{
		{name: "a workload in two places", workers: 2,
			change:  func(s *v1alpha1.SwarmSpec) { s.Workloads.ConfigMaps = &metav1.LabelSelector{MatchLabels: labels} },
			objects: []client.Object{lines("more", "cam-03\ncam-90\n")},
			reason:  v1alpha1.SwarmInvalid, text: `workload "cam-03" is there twice, in spec.workloads.names[3] and in ConfigMap more, key streams, line 1: take one of them out, or rename it`,
			mend: func(s *site) {
				m := lines("more", "cam-90\n")
				m.Namespace = s.ns
				if err := s.client.Update(s.t.Context(), m); err != nil {
					s.t.Fatal(err)
				}
			}, workloads: append(names(4), "cam-90"), workersThen: 2},
		{name: "a workload as two objects", workers: 1,
			objects: []client.Object{
				&v1alpha1.Workload{ObjectMeta: metav1.ObjectMeta{Name: "one"}, Spec: v1alpha1.WorkloadSpec{Swarm: "streams", Name: "cam:1"}},
				&v1alpha1.Workload{ObjectMeta: metav1.ObjectMeta{Name: "two"}, Spec: v1alpha1.WorkloadSpec{Swarm: "streams", Name: "cam:1"}}},
			reason: v1alpha1.SwarmInvalid, text: `workload "cam:1" is there twice, in Workload one and in Workload two: take one of them out, or rename it`,
			mend: func(s *site) { s.delete(&v1alpha1.Workload{}, "two") }, workloads: append(names(4), "cam:1"), workersThen: 1},
		{name: "no workers", reason: v1alpha1.SwarmNoWorkers, text: "there are no workers; start some that join, with `teamtask join` or `teamtask swarm agent`",
			mend: func(s *site) { s.start("streams", "late") }, workloads: names(4), workersThen: 1},
		{name: "an exclusive workload with one worker", workers: 1,
			change: func(s *v1alpha1.SwarmSpec) {
				s.Workloads.List = []v1alpha1.WorkloadItem{{Name: "alone", WorkloadNeeds: v1alpha1.WorkloadNeeds{Exclusive: true}}}
			},
			reason: v1alpha1.SwarmWaiting, text: "1 workload waits; alone: no worker is free for it alone; add a worker, or do without exclusive",
			mend: func(s *site) {
				s.change("streams", func(spec *v1alpha1.SwarmSpec) { spec.Workloads.List[0].Exclusive = false })
			}, workloads: append(names(4), "alone"), workersThen: 1},
		{name: "a pool that does not exist", workers: 1,
			change: func(s *v1alpha1.SwarmSpec) { s.Pool = &v1alpha1.PoolReference{Kind: "StatefulSet", Name: "nowhere"} },
			reason: v1alpha1.SwarmInvalid, text: "spec.pool: there is no StatefulSet nowhere in the namespace "},
		{name: "a ConfigMap that is somebody else's", workers: 1,
			change:  func(s *v1alpha1.SwarmSpec) { s.ConfigMap = "theirs" },
			objects: []client.Object{&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "theirs"}, Data: map[string]string{"password": "secret"}}},
			reason:  v1alpha1.SwarmInvalid, text: "spec.configMap: there is a ConfigMap theirs that is not this Swarm's, and it is not overwritten: name another one, or delete it",
			mend: func(s *site) { s.delete(&corev1.ConfigMap{}, "theirs") }, workloads: names(4), workersThen: 1},
		{name: "a ConfigMap without a list", workers: 1,
			change:  func(s *v1alpha1.SwarmSpec) { s.Workloads.ConfigMaps = &metav1.LabelSelector{MatchLabels: labels} },
			objects: []client.Object{&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "config", Labels: labels}, Data: map[string]string{"config.yml": "job: [a]"}}},
			reason:  v1alpha1.SwarmInvalid, text: "ConfigMap config, key config.yml has no list `jobs`: add one, or take the ConfigMap's label away",
			mend: func(s *site) { s.delete(&corev1.ConfigMap{}, "config") }, workloads: names(4), workersThen: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.manage(nil)
			s.create("streams", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: names(4)}})
			for _, name := range names(c.workers) {
				s.start("streams", name)
			}
			if c.workers > 0 {
				s.converged("streams", names(4), c.workers)
			}
			for _, o := range c.objects {
				o = o.DeepCopyObject().(client.Object)
				o.SetNamespace(s.ns)
				s.make(o)
			}
			if c.change != nil {
				s.change("streams", c.change)
			}
			if got := s.condition("streams", v1alpha1.ConditionConverged, c.reason); !strings.Contains(got.Message, c.text) {
				t.Errorf("%s\nwant %s", got.Message, c.text)
			}
			if got := s.owners.owned(); c.workers > 0 && !slices.Equal(got, names(4)) {
				t.Errorf("meanwhile workers run %v", got)
			}
			if c.mend != nil {
				c.mend(s)
				s.converged("streams", c.workloads, c.workersThen)
			}
		})
	}
}

// What a schema can refuse it does.
func TestRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	err := s.client.Create(t.Context(), &v1alpha1.Swarm{ObjectMeta: metav1.ObjectMeta{Name: "streams", Namespace: s.ns},
		Spec: v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{List: []v1alpha1.WorkloadItem{{Name: "a", WorkloadNeeds: v1alpha1.WorkloadNeeds{Weight: -1}}}}}})
	if err == nil || !strings.Contains(err.Error(), "spec.workloads.list[0].weight in body should be greater than or equal to 0") {
		t.Errorf("%v", err)
	}
}

// The pool's selector is there for autoscalers, and so is the number of workers.
func TestScaleSubresource(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "pool", Namespace: s.ns}, Spec: appsv1.StatefulSetSpec{Replicas: new(int32(0)),
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "streams"}},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "streams"}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "none"}}}}}}
	s.create("streams", v1alpha1.SwarmSpec{Pool: &v1alpha1.PoolReference{Kind: "StatefulSet", Name: "pool"}})
	s.condition("streams", v1alpha1.ConditionConverged, v1alpha1.SwarmInvalid)
	s.make(set)
	s.until("it has the selector", func() bool { return s.swarms["streams"].Status.Selector == "app=streams" })
}
