package plan_test

import (
	"fmt"
	"time"

	"teamtask.dev/swarm"
	"teamtask.dev/swarm/plan"
)

// Two streams on one worker; then a second one comes.
func Example() {
	s := plan.Situation{
		Workloads: []swarm.Workload{{Name: "cam-1"}, {Name: "cam-2"}},
		Workers:   []plan.Worker{{Name: "a", Incarnation: "uid-1"}},
		Now:       time.Unix(1e9, 0),
	}
	settle := func() {
		for news := true; news; {
			d := plan.Decide(s)
			s.Record, s.Status, news = d.Record, d.Status, d.Changed // and write them
			for _, c := range d.Revoked {
				fmt.Printf("revoke %s from %s\n", c.Workload, c.Worker)
			}
			for _, c := range d.Granted {
				fmt.Printf("grant %s to %s, epoch %d\n", c.Workload, c.Worker, c.Epoch)
			}
		}
		fmt.Println(s.Status.Phase()+":", s.Status.Conditions[0].Message)
	}
	settle()
	s.Workers = append(s.Workers, plan.Worker{Name: "b", Incarnation: "uid-2"})
	settle()
	for range 2 { // both run what they are told, and say so
		for i := range s.Record.Parts {
			s.Record.Parts[i].Acknowledged = s.Record.Parts[i].Version
		}
		settle()
	}
	// Output:
	// grant cam-1 to a, epoch 2
	// grant cam-2 to a, epoch 2
	// Moving: everything is granted; worker a has not said yet that its part is what it runs
	// revoke cam-2 from a
	// Moving: 1 workload is on the way to its worker; worker a has yet to let go of what it had
	// grant cam-2 to b, epoch 4
	// Moving: everything is granted; worker b has not said yet that its part is what it runs
	// Converged: 2 workloads on 2 workers
}
