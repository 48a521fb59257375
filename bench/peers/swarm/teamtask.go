package main

import (
	"cmp"
	"slices"

	"teamtask.dev/swarm"
)

func teamtask(previous map[string]string, workloads, workers []string, timed func(func())) (map[string]string, error) {
	before := parts(previous)
	wanted := make([]swarm.Workload, len(workloads))
	for i, workload := range workloads {
		wanted[i].Name = workload
	}
	pool := make([]swarm.Worker, len(workers))
	for i, worker := range workers {
		pool[i].Name = worker
	}
	var result swarm.Result
	var err error
	timed(func() { result, err = swarm.Assign(before, wanted, pool) })
	if err != nil {
		return nil, err
	}
	table := make(map[string]string, len(workloads))
	for _, part := range result.Table {
		for _, workload := range part.Workloads {
			table[workload] = part.Worker
		}
	}
	return table, nil
}

// parts are what Assign made of a table, as it made them: in order of name.
func parts(table map[string]string) swarm.Table {
	owned := map[string][]string{}
	for workload, worker := range table {
		owned[worker] = append(owned[worker], workload)
	}
	parts := make(swarm.Table, 0, len(owned))
	for worker, workloads := range owned {
		slices.Sort(workloads)
		parts = append(parts, swarm.Part{Worker: worker, Workloads: workloads})
	}
	slices.SortFunc(parts, func(a, b swarm.Part) int { return cmp.Compare(a.Worker, b.Worker) })
	return parts
}
