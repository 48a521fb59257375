package rollout_test

import (
	"fmt"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/rollout"
)

// A deploy with one instance more meanwhile, all of which come up.
func ExampleNext() {
	up := rollout.Instance{Revision: 1, Healthy: true, Settled: true}
	s := rollout.Situation{Wanted: []string{"0", "1"}, Extra: []string{"2"}, Target: 2, Known: 1, Update: job.Update{MaxSurge: 1},
		Instances: map[string]rollout.Instance{"0": up, "1": up}}
	for {
		step := rollout.Next(s)
		fmt.Println(step.Run, step.Done)
		if step.Done {
			break
		}
		s.Instances = map[string]rollout.Instance{}
		for id, revision := range step.Run {
			s.Instances[id] = rollout.Instance{Revision: revision, Healthy: true, Settled: true}
		}
	}
	// Output:
	// map[0:1 1:1 2:2] false
	// map[0:2 1:1 2:2] false
	// map[0:2 1:2 2:2] false
	// map[0:2 1:2] true
}
