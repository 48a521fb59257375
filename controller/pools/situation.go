package pools

import (
	"time"

	"teamtask.dev/api/v1alpha1"
)

// Situation is all that a decision depends on.
type Situation struct {
	Swarm       *v1alpha1.Swarm
	Assignments []v1alpha1.Assignment // read before the pool and the pods
	Pool        Pool
	Pods        []Pod // made for the pool, those that have ended left out
}

// Pool is what matters of a StatefulSet or a Deployment.
type Pool struct {
	Replicas int               // that it is to have
	First    int               // ordinal, of a StatefulSet
	Labels   map[string]string // that its pods will have at least
	Settled  bool              // all of its pods are made from the present template
}

// Pod is what matters of a pod.
type Pod struct {
	Name    string
	Labels  map[string]string
	Created time.Time
	Leaving bool   // it is being deleted
	Rank    int    // of a Deployment's: those with the lowest are deleted first when it is scaled down, whatever they cost
	Cost    string // of deleting it, as it stands in its annotation: of equal rank the cheapest go first
}

// Plan is what is to be done, in this order.
type Plan struct {
	Create   []Worker
	Update   []Update
	Delete   []*v1alpha1.Assignment
	Costs    []Cost
	Replicas *int // that the pool is to have; nil: as many as it has
}

// Worker is one that is to have an Assignment.
type Worker struct {
	Name     string
	Labels   map[string]string
	Draining bool
}

// Update makes an Assignment say of its worker what is so.
type Update struct {
	Assignment *v1alpha1.Assignment
	Labels     map[string]string
	Draining   bool
}

// Cost is what deleting a pod is to cost; "": what it does without being told.
type Cost struct{ Pod, Cost string }

// Empty tells whether there is nothing to do.
func (p *Plan) Empty() bool {
	return len(p.Create)+len(p.Update)+len(p.Delete)+len(p.Costs) == 0 && p.Replicas == nil
}
