package schedule

import (
	"maps"
	"slices"
)

// Size is of how many records of jobs and plans a decision consists.
func (d *Decision) Size() int { return len(d.Jobs) + len(d.Removed) + len(d.Plans) }

// First is a part of a decision with at most n records, for a store that takes no more at once. It stands by itself, and what is left follows
// from the state that it leads to.
//
//   - Jobs come first. What a plan does not run any more because it has ended is remembered by then.
//   - An instance that goes from one node to another is given to it only if it is taken from the first by the same part. Plans are taken
//     in an order in which that is so unless nodes exchange instances. Otherwise it is only taken away: the next decision finds it
//     leaving, and gives it a place, as it would if it had been decided so at first.
func (d Decision) First(n int) Decision {
	if n >= d.Size() {
		return d
	}
	part := d
	part.Jobs = d.Jobs[:min(n, len(d.Jobs))]
	n -= len(part.Jobs)
	part.Removed = d.Removed[:min(n, len(d.Removed))]
	n -= len(part.Removed)
	part.Plans = map[string]Plan{}
	for _, node := range d.sourcesFirst()[:n] {
		part.Plans[node] = d.Plans[node]
	}
	for node, plan := range part.Plans {
		plan.Instances = slices.DeleteFunc(slices.Clone(plan.Instances), func(p Planned) bool {
			from := d.from[p.Instance]
			_, taken := part.Plans[from]
			return p.Epoch == d.Version && from != "" && from != node && !taken
		})
		part.Plans[node] = plan
	}
	part.Events = nil
	for _, e := range d.Events {
		_, planned := part.Plans[e.Node]
		if planned || e.Node == "" && (slices.Contains(part.Removed, e.Job) || slices.ContainsFunc(part.Jobs, func(j Job) bool { return j.UID == e.Job })) {
			part.Events = append(part.Events, e)
		}
	}
	return part
}

// sourcesFirst are the nodes whose plans change, each after those that it is given instances of, as far as that is possible. The first of
// them is given nothing that the others have unless it gives something away itself: so each part brings a decision forward.
func (d *Decision) sourcesFirst() (order []string) {
	seen := map[string]bool{}
	var visit func(node string)
	visit = func(node string) {
		plan, changes := d.Plans[node]
		if !changes || seen[node] {
			return
		}
		seen[node] = true
		for _, p := range plan.Instances {
			if p.Epoch == d.Version {
				visit(d.from[p.Instance])
			}
		}
		order = append(order, node)
	}
	for _, node := range slices.Sorted(maps.Keys(d.Plans)) {
		visit(node)
	}
	return order
}
