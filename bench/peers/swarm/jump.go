package main

import "github.com/cespare/xxhash/v2"

// jump gives a workload to the worker whose place in the list is the jump consistent hash of its name.
func jump(_ map[string]string, workloads, workers []string, timed func(func())) (map[string]string, error) {
	at := make([]int, len(workloads))
	timed(func() {
		for i, workload := range workloads {
			at[i] = jumpHash(xxhash.Sum64String(workload), len(workers))
		}
	})
	return tableOf(workloads, workers, at), nil
}

// jumpHash is a number below buckets. Source: Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014
// (arXiv:1406.2294), figure 1.
func jumpHash(key uint64, buckets int) int {
	b, j := int64(-1), int64(0)
	for j < int64(buckets) {
		b = j
		key = key*2862933555777941757 + 1
		j = int64(float64(b+1) * (float64(int64(1)<<31) / float64(key>>33+1)))
	}
	return int(b)
}

// tableOf names the worker of each workload, given its place in the list.
func tableOf(workloads, workers []string, at []int) map[string]string {
	table := make(map[string]string, len(workloads))
	for i, workload := range workloads {
		table[workload] = workers[at[i]]
	}
	return table
}
