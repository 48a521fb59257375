package pools

import (
	"strconv"

	"teamtask.dev/swarm"
)

// set decides on a StatefulSet.
func (d *decision) set() {
	name, replicas, goal := d.Swarm.Spec.Pool.Name, d.Pool.Replicas, d.goal()
	for i := range max(replicas, goal) {
		d.workers[name+"-"+strconv.Itoa(d.Pool.First+i)] = i >= goal
	}
	for worker := range d.pods {
		if _, expected := d.workers[worker]; !expected {
			d.workers[worker] = true // somebody has scaled the pool down, and it is to go
		}
	}
	if goal >= replicas {
		d.scale(goal)
		return
	}
	left := replicas
	for _, worker := range swarm.Leaving(name, d.Pool.First, replicas, goal) {
		if !d.drained(worker) {
			break // they go in this order
		}
		left--
	}
	d.scale(left)
}
