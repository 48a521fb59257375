package swarm

import (
	"slices"
	"strings"
)

// Table says which worker owns which workloads: one part for each worker, in order of the workers' names.
type Table []Part

// Part is what one worker owns, in order of name.
type Part struct {
	Worker    string
	Workloads []string
}

// Of is what the worker owns; nothing if it is not in the table.
func (t Table) Of(worker string) []string {
	i, ok := slices.BinarySearchFunc(t, worker, func(p Part, name string) int { return strings.Compare(p.Worker, name) })
	if !ok {
		return nil
	}
	return t[i].Workloads
}
