package main

// contiguous cuts the list of workloads into as many parts as there are workers, the first ones longer by one where it does
// not come out even, as k8s-swarm means to (github.com/marcosQuesada/k8s-swarm, BalanceWorkload in
// services/controller/internal/app/swarm/state.go). Its own code starts part i at i times that part's length, so that after
// the longer parts some workloads are in two parts and as many at the end in none (of 26 on 3 workers, two each). Here each
// is in one.
func contiguous(_ map[string]string, workloads, workers []string, timed func(func())) (map[string]string, error) {
	var parts [][]string
	timed(func() {
		parts = make([][]string, len(workers))
		length, longer := len(workloads)/len(workers), len(workloads)%len(workers)
		rest := workloads
		for i := range parts {
			n := length
			if i < longer {
				n++
			}
			parts[i], rest = rest[:n], rest[n:]
		}
	})
	table := make(map[string]string, len(workloads))
	for i, part := range parts {
		for _, workload := range part {
			table[workload] = workers[i]
		}
	}
	return table, nil
}
