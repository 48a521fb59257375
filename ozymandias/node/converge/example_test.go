package converge_test

import (
	"fmt"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/node/converge"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
)

// One instance is planned. Each action is done at once, and what came of it is told.
func Example() {
	web := job.Job{Name: "web", Containers: map[string]job.Container{"app": {Image: "web:1"}}}.Default()
	instance := schedule.Instance{Job: "a1", ID: "0"}
	state := schedule.State{
		Jobs: []schedule.Job{{UID: "a1", Spec: web, Revision: 1}},
		Nodes: []schedule.Node{{Name: "n1", Incarnation: "x", Capacity: placement.Resources{Memory: 1e9},
			Plan: schedule.Plan{Version: 1, Incarnation: "x", Instances: []schedule.Planned{{Instance: instance, Revision: 1, Epoch: 1}}}}},
	}
	now := time.Unix(1e9, 0)
	m := converge.New("n1", "x")
	pod := converge.Pod{Address: "10.88.0.2", Containers: map[string]converge.Facts{"app": {}}}
	for {
		actions, _ := m.Step(converge.Input{Now: now, State: state})
		for _, a := range actions {
			fmt.Printf("%s %q\n", a.Verb, a.Container)
			if a.Verb == converge.Start {
				pod.Containers["app"] = converge.Facts{State: converge.Running, Started: now}
			}
			m.Done(now, converge.Result{Instance: a.Instance, Pod: &pod})
		}
		if len(actions) == 0 {
			break
		}
	}
	c := m.Report().Instances[instance]
	fmt.Println(c.Phase, c.Healthy, c.Address)
	// Output:
	// make ""
	// start "app"
	// Running true 10.88.0.2
}
