package main

import "github.com/cespare/xxhash/v2"

// rendezvous gives a workload to the worker for which a hash of the two is highest. Source: Thaler and Ravishankar, "Using
// Name-Based Mappings to Increase Hit Rates", IEEE/ACM Transactions on Networking 6(1), 1998.
//
// A worker that had the highest hash is beaten by new workers only: a workload whose worker is still there is compared with
// those alone.
func rendezvous(previous map[string]string, workloads, workers []string, timed func(func())) (map[string]string, error) {
	owners, fresh := owners(previous, workloads, workers)
	at := make([]int, len(workloads))
	timed(func() {
		hashes := make([]uint64, len(workers))
		for i, worker := range workers {
			hashes[i] = xxhash.Sum64String(worker)
		}
		for i, workload := range workloads {
			key := xxhash.Sum64String(workload)
			if owner := owners[i]; owner >= 0 {
				at[i] = highest(key, hashes, owner, fresh)
				continue
			}
			at[i] = highestOfAll(key, hashes)
		}
	})
	return tableOf(workloads, workers, at), nil
}

// highest is the owner, or one of the candidates that beats it.
func highest(key uint64, hashes []uint64, owner int, candidates []int) int {
	best := mixed(key ^ hashes[owner])
	for _, i := range candidates {
		if weight := mixed(key ^ hashes[i]); weight > best {
			best, owner = weight, i
		}
	}
	return owner
}

func highestOfAll(key uint64, hashes []uint64) int {
	best, at := mixed(key^hashes[0]), 0
	for i, hash := range hashes {
		if weight := mixed(key ^ hash); weight > best {
			best, at = weight, i
		}
	}
	return at
}

// mixed makes every bit depend on all others. Source: the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast Splittable
// Pseudorandom Number Generators", OOPSLA 2014).
func mixed(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// owners are the places of the workers that had the workloads, -1 where it was none that is still there, and the places of the
// workers that had nothing.
func owners(previous map[string]string, workloads, workers []string) (owners, fresh []int) {
	places := places(workers)
	had := make([]bool, len(workers))
	owners = make([]int, len(workloads))
	for i, workload := range workloads {
		owners[i] = -1
		if place, ok := places[previous[workload]]; ok {
			owners[i], had[place] = place, true
		}
	}
	for i := range workers {
		if !had[i] {
			fresh = append(fresh, i)
		}
	}
	return owners, fresh
}

// places are where the workers stand in their list.
func places(workers []string) map[string]int {
	places := make(map[string]int, len(workers))
	for i, worker := range workers {
		places[worker] = i
	}
	return places
}
