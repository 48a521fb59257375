package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/moby/swarmkit/v2/api"
	"github.com/moby/swarmkit/v2/manager/scheduler"
	"github.com/moby/swarmkit/v2/manager/state"
	"github.com/moby/swarmkit/v2/manager/state/store"
)

// swarmkit is the time that SwarmKit's scheduler takes for all, and then for one more, with its store, which is in memory here and tells
// of each task that gets a node; its own benchmark measures the same. For all, the tasks are there before it starts, so that it need
// not wait for more of them (it does so for 50 ms); one more comes while it runs.
func (f fleet) swarmkit(ctx context.Context) (all, more time.Duration, err error) {
	s := store.NewMemoryStore(nil)
	defer s.Close()
	placed, cancel := state.Watch(s.WatchQueue(), api.EventUpdateTask{})
	defer cancel()
	if err := s.Update(func(tx store.Tx) error { return f.fill(tx) }); err != nil {
		return 0, 0, fmt.Errorf("fill SwarmKit's store: %w", err)
	}
	wait := func(n int) error {
		for range n {
			select {
			case event := <-placed:
				if t := event.(api.EventUpdateTask).Task; t.NodeID == "" {
					return fmt.Errorf("%s: SwarmKit: %s", f.name, t.Status.Err)
				}
			case <-time.After(5 * time.Minute):
				return fmt.Errorf("%s: SwarmKit does not come to an end", f.name)
			}
		}
		return nil
	}
	one := scheduler.New(s)
	ended := make(chan error, 1)
	start := used()
	go func() { ended <- one.Run(ctx) }()
	if err := wait(f.services * f.instances); err != nil {
		return 0, 0, err
	}
	all = used() - start
	// What the scheduler is told of its own decisions it has heard when it places something that came later: so the second one is measured.
	for i := range 2 {
		start = used()
		if err := s.Update(func(tx store.Tx) error { return store.CreateTask(tx, f.task(f.services+i, 0)) }); err != nil {
			return 0, 0, fmt.Errorf("give SwarmKit one more task: %w", err)
		}
		if err := wait(1); err != nil {
			return 0, 0, err
		}
		more = used() - start
	}
	one.Stop()
	return all, more, <-ended
}

// fill puts the nodes and the tasks into SwarmKit's store.
func (f fleet) fill(tx store.Tx) error {
	for i := range f.nodes {
		name := "name" + strconv.Itoa(i)
		n := &api.Node{ID: name, Spec: api.NodeSpec{Annotations: api.Annotations{Name: name}}, Status: api.NodeStatus{State: api.NodeStatus_READY},
			Description: &api.NodeDescription{Engine: &api.EngineDescription{}, Resources: &api.Resources{NanoCPUs: f.node.CPU * 1e6, MemoryBytes: f.node.Memory}}}
		if err := store.CreateNode(tx, n); err != nil {
			return err
		}
	}
	for s := range f.services {
		for i := range f.instances {
			if err := store.CreateTask(tx, f.task(s, i)); err != nil {
				return err
			}
		}
	}
	return nil
}

// task is that of an instance. Those of one service have a version of it in common, by which SwarmKit decides on them together.
func (f fleet) task(service, number int) *api.Task {
	in := f.service(service, 1)[0]
	t := &api.Task{ID: in.Job + "." + strconv.Itoa(number), DesiredState: api.TaskStateRunning, ServiceAnnotations: api.Annotations{Name: in.Job},
		Status: api.TaskStatus{State: api.TaskStatePending}}
	if f.instances > 1 {
		t.ServiceID, t.SpecVersion = in.Job, &api.Version{Index: 1}
	}
	if in.Needs.Memory > 0 {
		t.Spec.Resources = &api.ResourceRequirements{Reservations: &api.Resources{NanoCPUs: in.Needs.CPU * 1e6, MemoryBytes: in.Needs.Memory}}
	}
	return t
}
