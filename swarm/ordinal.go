package swarm

import "strconv"

// Leaving are the workers that go when a StatefulSet is scaled from one number of replicas to a smaller one, in the order
// in which they go: the highest ordinals, name-(from-1) first. Kubernetes leaves no choice in this, so they are who to
// drain. The first ordinal is start (spec.ordinals.start), mostly 0. Nobody leaves when it is scaled up.
func Leaving(name string, start, from, to int) (workers []string) {
	for i := from - 1; i >= max(0, to); i-- {
		workers = append(workers, name+"-"+strconv.Itoa(start+i))
	}
	return workers
}
