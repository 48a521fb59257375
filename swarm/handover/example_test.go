package handover_test

import (
	"fmt"

	"teamtask.dev/swarm"
	"teamtask.dev/swarm/handover"
)

// A stream moves from a to b: b gets it only once a has said that it runs it no longer.
func Example() {
	pool := handover.Pool{
		Members: map[string]string{"a": "uid-1", "b": "uid-2"},
		Gone:    func(worker, incarnation string) bool { return false },
	}
	var record handover.Record
	assign := func(table swarm.Table) {
		for step := (handover.Step{Changed: true}); step.Changed; {
			step = handover.Next(record, table, pool, handover.Safe)
			record = step.Record // and write it
			for _, c := range step.Revoked {
				fmt.Printf("revoke %s from %s\n", c.Workload, c.Worker)
			}
			for _, c := range step.Granted {
				fmt.Printf("grant %s to %s, epoch %d\n", c.Workload, c.Worker, c.Epoch)
			}
			for _, b := range step.Blocked {
				if !step.Changed {
					fmt.Printf("%s waits for %s\n", b.Workload, b.By)
				}
			}
		}
	}
	assign(swarm.Table{{Worker: "a", Workloads: []string{"cam"}}})
	moved := swarm.Table{{Worker: "b", Workloads: []string{"cam"}}}
	assign(moved)

	fmt.Println("a acknowledges version", record.Part("a").Version)
	if _, err := record.Acknowledge("a", "uid-1", record.Part("a").Version); err != nil {
		fmt.Println(err)
		return
	}
	assign(moved)
	// Output:
	// grant cam to a, epoch 2
	// revoke cam from a
	// cam waits for a
	// a acknowledges version 3
	// grant cam to b, epoch 4
}
