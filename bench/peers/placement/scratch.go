package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"text/tabwriter"
	"time"

	"teamtask.dev/ozymandias/placement"
)

// A fleet is nodes and services to be placed on them, for both to place.
type fleet struct {
	name            string
	nodes, services int
	instances       int                 // of each service
	node, needs     placement.Resources // of each; none: instances need nothing
}

// fleets begin with sizes of SwarmKit's own benchmark (BenchmarkScheduler1kNodes1kTasks and the like in
// manager/scheduler/scheduler_test.go), where every task is alone and needs nothing. The last are what it is meant for: services of
// many tasks that need something.
func fleets() []fleet {
	node := placement.Resources{Memory: 32 * gigabyte, Disk: 500 * gigabyte, CPU: 8000}
	return []fleet{
		{name: "1,000 instances on 1,000 nodes, needing nothing", nodes: 1000, services: 1000, instances: 1, node: node},
		{name: "10,000 instances on 1,000 nodes, needing nothing", nodes: 1000, services: 10_000, instances: 1, node: node},
		{name: "10,000 instances on 1,000 nodes, 80% full", nodes: 1000, services: 10_000, instances: 1, node: node, needs: placement.Resources{Memory: 2.56 * gigabyte, CPU: 500}},
		{name: "the same as 500 services of 20", nodes: 1000, services: 500, instances: 20, node: node, needs: placement.Resources{Memory: 2.56 * gigabyte, CPU: 500}},
	}
}

// scratch times both, in turn, on what comes all at once, and on one more instance. It tells processor time: what else runs on this
// machine does not matter to it much.
func scratch(ctx context.Context, w io.Writer, fleets []fleet, rounds int) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%-50s\tTeamtask\tSwarmKit\ttimes as long\tone more\tSwarmKit\ttimes as long\t\n", "processor time, the least of some rounds")
	for _, f := range fleets {
		var least [4]time.Duration
		for range rounds {
			all, more, err := f.teamtask()
			if err != nil {
				return err
			}
			theirs, theirMore, err := f.swarmkit(ctx)
			if err != nil {
				return err
			}
			for i, d := range []time.Duration{all, theirs, more, theirMore} {
				if least[i] == 0 || d < least[i] {
					least[i] = d
				}
			}
		}
		fmt.Fprintf(t, "%-50s\t%s\t%s\t%.2g\t%s\t%s\t%.2g\t\n", f.name, short(least[0]), short(least[1]), least[1].Seconds()/least[0].Seconds(),
			short(least[2]), short(least[3]), least[3].Seconds()/least[2].Seconds())
	}
	return t.Flush()
}

// problem has no instance anywhere. Their needs differ a little, so that they are not all of one kind; SwarmKit's, too.
func (f fleet) problem() placement.Problem {
	var p placement.Problem
	for i := range f.nodes {
		p.Nodes = append(p.Nodes, placement.Node{Name: "name" + strconv.Itoa(i), Capacity: f.node})
	}
	for s := range f.services {
		p.Instances = append(p.Instances, f.service(s, f.instances)...)
	}
	return p
}

func (f fleet) service(number, instances int) (list []placement.Instance) {
	r := rand.New(rand.NewPCG(uint64(number), 3))
	size := between(r, 0.8, 1.2)
	for id := range instances {
		list = append(list, placement.Instance{Name: placement.Name{Job: fmt.Sprintf("service%06d", number), ID: strconv.Itoa(id)},
			Needs: placement.Resources{Memory: int64(size * float64(f.needs.Memory)), CPU: int64(size * float64(f.needs.CPU))}})
	}
	return list
}

// teamtask is the time that our placement takes for all, and then for one more.
func (f fleet) teamtask() (all, more time.Duration, err error) {
	p := f.problem()
	place := func() (time.Duration, error) {
		start := used()
		r, err := placement.Place(p)
		took := used() - start
		if err == nil && r.Verdict != placement.Fits {
			err = fmt.Errorf("%s: Teamtask: %s", f.name, r.Verdict)
		}
		at := map[placement.Name]string{}
		for _, x := range r.Placed {
			at[x.Name] = x.Node
		}
		for i := range p.Instances {
			if n, ok := at[p.Instances[i].Name]; ok {
				p.Instances[i].Node = n
			}
		}
		return took, err
	}
	if all, err = place(); err != nil {
		return all, 0, err
	}
	for i := range 2 { // as often as SwarmKit: the second is measured
		p.Instances = append(p.Instances, f.service(f.services+i, 1)...)
		if more, err = place(); err != nil {
			break
		}
	}
	return all, more, err
}
