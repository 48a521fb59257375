package main

// fewestMoves is the least number of workloads that a balanced table, in which the workers' loads differ by at most 1, moves
// away from the previous one: those whose worker is gone, and what the workers that remain have kept above their quotas.
// With n workloads on m workers, n mod m of the quotas are larger by one than the others; they are best given to workers
// that have kept so many.
func fewestMoves(previous map[string]string, workloads, workers []string) int {
	kept := make([]int, len(workers))
	places := places(workers)
	moves := 0
	for _, workload := range workloads {
		worker, ok := previous[workload]
		if !ok {
			continue // it is new, and nothing is moved
		}
		if place, ok := places[worker]; ok {
			kept[place]++
		} else {
			moves++
		}
	}
	quota, larger := len(workloads)/len(workers), len(workloads)%len(workers)
	for _, n := range kept {
		if n <= quota {
			continue
		}
		if larger > 0 {
			larger--
			n--
		}
		moves += n - quota
	}
	return moves
}

// moved counts the workloads that were elsewhere before.
func moved(previous, table map[string]string) int {
	n := 0
	for workload, worker := range table {
		if before, ok := previous[workload]; ok && before != worker {
			n++
		}
	}
	return n
}
