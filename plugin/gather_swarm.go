package plugin

import (
	"cmp"
	"context"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/plugin/explain"
)

// gatherSwarm reads what an explanation of a swarm is made from. Only the swarm itself must be readable.
func (s *session) gatherSwarm(ctx context.Context, name string) (*explain.SwarmFacts, error) {
	sw, err := s.swarm(ctx, name)
	if err != nil {
		return nil, err
	}
	f := &explain.SwarmFacts{Swarm: sw}
	here := client.InNamespace(s.namespace)
	var events corev1.EventList
	readings := []reading{
		{"assignments", func() (err error) { f.Assignments, err = s.assignments(ctx, name); return err }},
		{"events", func() error { return s.List(ctx, &events, here, client.MatchingFields{"type": "Warning"}, most) }},
		{"", func() (err error) { f.Controller, err = s.controller(ctx); return err }},
	}
	if sw.Spec.Pool != nil {
		readings = append(readings,
			reading{"the pool", func() (err error) { f.Pool, err = s.pool(ctx, sw.Spec.Pool); return err }},
			reading{"pods", func() (err error) { f.Pods, err = s.selected(ctx, sw.Status.Selector); return err }})
	}
	if f.Unread, err = readAll(readings); err != nil {
		return nil, err
	}
	f.Now = time.Now()
	ours := map[types.UID]bool{sw.UID: true}
	for i := range f.Assignments {
		ours[f.Assignments[i].UID] = true
	}
	for i := range f.Pods {
		ours[f.Pods[i].UID] = true
	}
	f.Warnings = about(ours, events.Items)
	if cmp.Or(sw.Spec.Refresh, v1alpha1.RefreshWatch) == v1alpha1.RefreshWatch {
		f.Denied = s.denied(ctx, f.Pods, []need{
			{"get Swarms", authorizationv1.ResourceAttributes{Verb: "get", Resource: "swarms", Name: name}},
			{"join Swarm " + name, authorizationv1.ResourceAttributes{Verb: "join", Resource: "swarms", Name: name}},
			{"watch Assignments", authorizationv1.ResourceAttributes{Verb: "watch", Resource: "assignments"}},
			{"write the status of Assignments", authorizationv1.ResourceAttributes{Verb: "update", Resource: "assignments", Subresource: "status"}},
		})
	}
	return f, nil
}

// pool reads what has the pods that are the workers.
func (s *session) pool(ctx context.Context, ref *v1alpha1.PoolReference) (*explain.Pool, error) {
	name := types.NamespacedName{Namespace: s.namespace, Name: ref.Name}
	var (
		wanted *int32
		ready  int32
		err    error
	)
	if ref.Kind == "Deployment" {
		var d appsv1.Deployment
		err = s.Get(ctx, name, &d)
		wanted, ready = d.Spec.Replicas, d.Status.ReadyReplicas
	} else {
		var set appsv1.StatefulSet
		err = s.Get(ctx, name, &set)
		wanted, ready = set.Spec.Replicas, set.Status.ReadyReplicas
	}
	switch {
	case apierrors.IsNotFound(err):
		return &explain.Pool{}, nil
	case err != nil:
		return nil, err
	}
	p := &explain.Pool{Exists: true, Wanted: 1, Ready: ready}
	if wanted != nil {
		p.Wanted = *wanted
	}
	return p, nil
}

// selected reads the pods of a pool; none as long as the controller has not said how they are found.
func (s *session) selected(ctx context.Context, selector string) ([]corev1.Pod, error) {
	if selector == "" {
		return nil, nil
	}
	parsed, err := labels.Parse(selector)
	if err != nil {
		return nil, err
	}
	var pods corev1.PodList
	err = s.List(ctx, &pods, client.InNamespace(s.namespace), client.MatchingLabelsSelector{Selector: parsed}, most)
	return pods.Items, err
}
