package pools

import (
	"cmp"
	"slices"
)

// low is what deleting a pod costs that may go: less than that of others, unless somebody has set that.
const low = "-1000000"

// deployment decides on a Deployment.
func (d *decision) deployment() {
	var staying []*Pod
	for i := range d.Pods {
		p := &d.Pods[i]
		d.workers[p.Name] = p.Leaving
		if !p.Leaving {
			staying = append(staying, p)
		}
	}
	goal := d.goal()
	var going []*Pod
	switch {
	case goal >= d.Pool.Replicas:
		d.scale(goal)
	case !d.Pool.Settled:
		// Who is to go is decided once the pods are not being replaced anyway. Those that were chosen stay so.
		going = slices.DeleteFunc(staying, func(p *Pod) bool { return !d.chosen(p) })
	default:
		going = d.choose(staying, goal)
		left := max(goal, len(staying)) - d.free(going)
		d.scale(min(left, d.Pool.Replicas))
	}
	for _, p := range going {
		d.workers[p.Name] = true
	}
	d.tellCosts()
}

// choose says which of the pods go for so many to be left: first those that Kubernetes would choose anyway, then those that were
// chosen before, then those with the least to give away.
func (d *decision) choose(staying []*Pod, goal int) []*Pod {
	order := slices.SortedFunc(slices.Values(staying), func(a, b *Pod) int {
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), d.compareChosen(a, b), cmp.Compare(d.load(a), d.load(b)), b.Created.Compare(a.Created), cmp.Compare(a.Name, b.Name))
	})
	return order[:max(0, len(order)-goal)]
}

// free is how many of those that go, in order of their rank, can be left to Kubernetes to delete: it deletes those that are drained, and
// no others.
func (d *decision) free(going []*Pod) (n int) {
	waits := false
	for i, p := range going {
		if waits && p.Rank > going[i-1].Rank {
			break // one of a lower rank, that is not drained, would go before
		}
		if d.drained(p.Name) && p.Cost == low {
			n++
		} else {
			waits = true
		}
	}
	return n
}

func (d *decision) load(p *Pod) int64 {
	if a := d.assignments[p.Name]; a != nil {
		return a.Spec.Load
	}
	return 0
}

func (d *decision) compareChosen(a, b *Pod) int {
	switch chosen := d.chosen(a); {
	case chosen == d.chosen(b):
		return 0
	case chosen:
		return -1
	default:
		return 1
	}
}

// chosen tells whether a pod was to go before.
func (d *decision) chosen(p *Pod) bool {
	a := d.assignments[p.Name]
	return a != nil && a.Spec.Draining
}

// tellCosts tells Kubernetes which pods may go: of those that are to go the ones that are drained. A cost that somebody else has set is
// not touched before.
func (d *decision) tellCosts() {
	for i := range d.Pods {
		p := &d.Pods[i]
		switch goes := d.workers[p.Name] && d.drained(p.Name); {
		case p.Leaving:
		case goes && p.Cost != low:
			d.Costs = append(d.Costs, Cost{p.Name, low})
		case !goes && p.Cost == low:
			d.Costs = append(d.Costs, Cost{p.Name, ""})
		}
	}
}
