package swarm_test

import (
	"fmt"

	"teamtask.dev/swarm"
)

func streams(n int) (out []swarm.Workload) {
	for i := range n {
		out = append(out, swarm.Workload{Name: fmt.Sprintf("cam-%02d", i+1)})
	}
	return out
}

// Twelve streams on two workers; a third one comes and takes four, and no more move than that.
func Example() {
	workloads := streams(12)
	two := []swarm.Worker{{Name: "a"}, {Name: "b"}}
	before, err := swarm.Assign(nil, workloads, two)
	if err != nil {
		fmt.Println(err)
		return
	}
	after, err := swarm.Assign(before.Table, workloads, append(two, swarm.Worker{Name: "c"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("before:", before.Loads)
	fmt.Println("after: ", after.Loads)
	fmt.Printf("%d moves, no balanced table has fewer than %d\n", len(after.Moves), after.Least)
	// Output:
	// before: [6 6]
	// after:  [4 4 4]
	// 4 moves, no balanced table has fewer than 4
}

// A workload may ask for a worker to itself, or for a label; what cannot be placed says why.
func ExampleAssign_requirements() {
	workloads := append(streams(4),
		swarm.Workload{Name: "film", Exclusive: true},
		swarm.Workload{Name: "plates", Require: map[string]string{"gpu": "yes"}},
		swarm.Workload{Name: "radar", Require: map[string]string{"antenna": "yes"}},
	)
	workers := []swarm.Worker{{Name: "a"}, {Name: "b"}, {Name: "c", Labels: map[string]string{"gpu": "yes"}}}
	result, err := swarm.Assign(nil, workloads, workers)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, part := range result.Table {
		fmt.Println(part.Worker, part.Workloads)
	}
	for _, wait := range result.Waiting {
		fmt.Println(wait)
	}
	// Output:
	// a [film]
	// b [cam-02 cam-03 cam-04]
	// c [cam-01 plates]
	// radar: no worker has label antenna=yes
}

// Before a StatefulSet is scaled down, the workers that will go are drained.
func ExampleLeaving() {
	workers := []swarm.Worker{{Name: "pool-0"}, {Name: "pool-1"}, {Name: "pool-2"}}
	before, _ := swarm.Assign(nil, streams(6), workers)

	leaving := swarm.Leaving("pool", 0, 3, 2)
	for i := range workers {
		workers[i].Draining = workers[i].Name == leaving[0]
	}
	after, _ := swarm.Assign(before.Table, streams(6), workers)
	fmt.Println(leaving, before.Loads, after.Loads, len(after.Moves), "moves")
	// Output: [pool-2] [2 2 2] [3 3 0] 2 moves
}
