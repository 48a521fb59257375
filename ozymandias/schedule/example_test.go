package schedule_test

import (
	"fmt"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
)

// A job is put, and its instances get places; then a node is lost, and what ran there gets another.
func Example() {
	state := schedule.State{Nodes: []schedule.Node{
		{Name: "n1", Incarnation: "a", Capacity: placement.Resources{Memory: 4e9, Disk: 1e11, CPU: 4000}},
		{Name: "n2", Incarnation: "b", Capacity: placement.Resources{Memory: 4e9, Disk: 1e11, CPU: 4000}},
	}}
	two := 2
	state = state.Put("u1", job.Job{Name: "web", NumInstances: &two, Containers: map[string]job.Container{"app": {Image: "app", Memory: 1e9}}}.Default())

	decide := func() {
		decision, err := schedule.Decide(state, time.Time{})
		if err != nil {
			fmt.Println(err)
		}
		for _, event := range decision.Events {
			fmt.Println(event.Text)
		}
		state.Version, state.Jobs = decision.Version, decision.Jobs
		for i := range state.Nodes {
			if plan, changed := decision.Plans[state.Nodes[i].Name]; changed {
				state.Nodes[i].Plan = plan
			}
		}
	}
	decide()
	state.Node("n2").Incarnation = "" // its lease has ended
	decide()
	// Output:
	// web-0 goes to n1 at revision 1
	// web-1 goes to n2 at revision 1
	// n2 is lost: it was to run 1
	// web-1 goes to n1 at revision 1
}
