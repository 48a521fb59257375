package explain

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller/diagnosis"
)

// pool says what keeps the pool's pods from running.
func (e *swarmExplanation) pool() {
	p := e.Swarm.Spec.Pool
	if p == nil || e.Pool == nil {
		return
	}
	switch trouble := strings.TrimSuffix(diagnosis.Of(e.Pods, nil).Text, "."); {
	case !e.Pool.Exists && !e.said(p.Kind+" "+p.Name):
		e.say("There is no %s %s in the namespace %s: make one, or correct spec.pool.", p.Kind, p.Name, e.namespace)
	case e.Pool.Exists && e.Pool.Wanted == 0:
		e.say("%s %s is to have 0 pods; %s.", p.Kind, p.Name, e.scale())
	case e.Pool.Ready < e.Pool.Wanted && trouble != "":
		e.say("Of %s %s, %d of %d pods are ready: %s.", p.Kind, p.Name, e.Pool.Ready, e.Pool.Wanted, trouble)
	case e.Pool.Ready < e.Pool.Wanted:
		e.say("Of %s %s, %d of %d pods are ready.", p.Kind, p.Name, e.Pool.Ready, e.Pool.Wanted)
	}
}

// scale says how the pool gets a pod.
func (e *swarmExplanation) scale() string {
	what := strings.ToLower(e.Swarm.Spec.Pool.Kind) + "/" + e.Swarm.Spec.Pool.Name
	if e.Swarm.Spec.Replicas != nil {
		what = "swarm/" + e.Swarm.Name
	}
	return fmt.Sprintf("`kubectl scale --namespace %s %s --replicas=1` gives it one", e.namespace, what)
}

// strangers says of pods that run, and that an agent should have join, that they have not joined.
func (e *swarmExplanation) strangers() {
	if !e.watches() || e.converged() == nil {
		return
	}
	for i := range e.Pods {
		p := &e.Pods[i]
		if p.Status.Phase != corev1.PodRunning || !p.DeletionTimestamp.IsZero() || e.Now.Sub(p.CreationTimestamp.Time) < grace || e.joined(p.Name) {
			continue
		}
		if len(e.Denied) > 0 {
			e.say("Pod %s runs, but has not joined: %s; bind the ClusterRole teamtask-member to it.", p.Name, e.Denied[0])
		} else {
			e.say("Pod %s runs, but has not joined: does it run `teamtask join` or `teamtask swarm agent`? See `kubectl logs --namespace %s %s`.", p.Name, e.namespace, p.Name)
		}
		return // what one lacks, all do
	}
}

// joined tells whether a worker has ever been heard of.
func (e *swarmExplanation) joined(worker string) bool {
	return slices.ContainsFunc(e.Assignments, func(a v1alpha1.Assignment) bool {
		return a.Spec.Worker == worker && (a.Status.Incarnation != "" || a.Status.Phase() != v1alpha1.AssignmentPending)
	})
}
