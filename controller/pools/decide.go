package pools

import (
	"maps"
	"slices"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm/plan"
)

// decision is a plan in the making.
type decision struct {
	Situation
	Plan
	pods        map[string]*Pod
	assignments map[string]*v1alpha1.Assignment // by worker
	workers     map[string]bool                 // that are to have an Assignment; true: which are about to go
}

// Decide says what is to be done. The same situation gives the same plan.
func Decide(s Situation) Plan {
	d := &decision{Situation: s, pods: map[string]*Pod{}, assignments: map[string]*v1alpha1.Assignment{}, workers: map[string]bool{}}
	for i := range s.Pods {
		d.pods[s.Pods[i].Name] = &s.Pods[i]
	}
	for i := range s.Assignments {
		d.assignments[s.Assignments[i].Spec.Worker] = &s.Assignments[i]
	}
	if s.Swarm.Spec.Pool.Kind == "StatefulSet" {
		d.set()
	} else {
		d.deployment()
	}
	d.assign()
	return d.Plan
}

// goal is how many pods the pool is to have in the end.
func (d *decision) goal() int {
	if r := d.Swarm.Spec.Replicas; r != nil {
		return int(*r)
	}
	return d.Pool.Replicas
}

// scale has the pool scaled, unless it has as many replicas.
func (d *decision) scale(to int) {
	if to != d.Pool.Replicas {
		d.Replicas = &to
	}
}

// drained tells whether a worker that is about to go may go.
func (d *decision) drained(worker string) bool {
	a := d.assignments[worker]
	if a == nil {
		return d.leaves(worker) // otherwise it is about to have one
	}
	part := plan.Part(a)
	return a.Spec.Draining && plan.Idle(&part)
}

// leaves tells whether a worker's pod is not there, or will not be for long.
func (d *decision) leaves(worker string) bool {
	p := d.pods[worker]
	return p == nil || p.Leaving
}

// assign has those workers have Assignments that are to, and no others.
func (d *decision) assign() {
	for _, name := range slices.Sorted(maps.Keys(d.workers)) {
		draining, a := d.workers[name], d.assignments[name]
		switch {
		case a == nil && draining && d.leaves(name): // it is gone before it gets anything
		case a == nil:
			d.Create = append(d.Create, Worker{name, bounded(d.labels(name)), draining})
		case !a.DeletionTimestamp.IsZero(): // a new one can have its name when it is gone
		default:
			labels := a.Spec.Labels
			if d.pods[name] != nil {
				labels = bounded(d.labels(name))
			}
			if draining != a.Spec.Draining || !maps.Equal(labels, a.Spec.Labels) {
				d.Update = append(d.Update, Update{a, labels, draining})
			}
		}
	}
	for i := range d.Assignments {
		a := &d.Assignments[i]
		if _, wanted := d.workers[a.Spec.Worker]; !wanted && a.DeletionTimestamp.IsZero() {
			d.Delete = append(d.Delete, a)
		}
	}
}

// labels are those of a worker's pod, or those that it will have at least.
func (d *decision) labels(worker string) map[string]string {
	if p := d.pods[worker]; p != nil {
		return p.Labels
	}
	return d.Pool.Labels
}

// bounded leaves out what an Assignment does not take.
func bounded(labels map[string]string) map[string]string {
	const most = 64
	if len(labels) <= most {
		return labels
	}
	some := make(map[string]string, most)
	for _, key := range slices.Sorted(maps.Keys(labels))[:most] {
		some[key] = labels[key]
	}
	return some
}
