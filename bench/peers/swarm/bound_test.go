package main

import "testing"

// TestFewestMoves tries every balanced table, from every table there can have been before, with up to 5 workloads and 3
// workers.
func TestFewestMoves(t *testing.T) {
	for workers := 1; workers <= 3; workers++ {
		for workloads := 1; workloads <= 5; workloads++ {
			names := newPool(workloads, workers)
			balanced := balancedTables(names.workloads, names.workers)
			before := append([]string{"", "gone"}, names.workers...) // "" for none: the workload is new
			everyTable(names.workloads, before, func(previous map[string]string) {
				want := workloads
				for _, table := range balanced {
					want = min(want, moved(previous, table))
				}
				if got := fewestMoves(previous, names.workloads, names.workers); got != want {
					t.Errorf("from %v to %v on %v: %d moves, want %d", previous, names.workloads, names.workers, got, want)
				}
			})
		}
	}
}

func balancedTables(workloads, workers []string) (balanced []map[string]string) {
	everyTable(workloads, workers, func(table map[string]string) {
		load := map[string]int{}
		for _, worker := range table {
			load[worker]++
		}
		lowest, highest := len(workloads), 0
		for _, worker := range workers {
			lowest, highest = min(lowest, load[worker]), max(highest, load[worker])
		}
		if highest-lowest <= 1 {
			balanced = append(balanced, table)
		}
	})
	return balanced
}

// everyTable calls yield with every way to give the workloads to the workers, or to none where that is "".
func everyTable(workloads, workers []string, yield func(map[string]string)) {
	choice := make([]int, len(workloads))
	for {
		table := map[string]string{}
		for i, workload := range workloads {
			if worker := workers[choice[i]]; worker != "" {
				table[workload] = worker
			}
		}
		yield(table)
		i := 0
		for i < len(choice) && choice[i] == len(workers)-1 {
			choice[i] = 0
			i++
		}
		if i == len(choice) {
			return
		}
		choice[i]++
	}
}

func TestMoved(t *testing.T) {
	previous := map[string]string{"a": "x", "b": "x", "c": "gone", "ended": "x"}
	table := map[string]string{"a": "x", "b": "y", "c": "y", "new": "y"}
	if got := moved(previous, table); got != 2 {
		t.Errorf("%d moved, want 2: b and c", got)
	}
}
