package main

import (
	"math/big"
	"slices"

	"github.com/buraksezer/consistent"
	"github.com/cespare/xxhash/v2"
)

// ring is consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded
// Loads", SODA 2018) as github.com/buraksezer/consistent has it: workloads are hashed to partitions, of which a worker has at
// most 1.25 times its share. The ring is kept, and workers are added to it and removed from it. Its settings are the
// defaults but for the number of partitions, which should be prime and cannot change: the default for ten workers, and for
// more in proportion.
func ring() assign {
	var members *consistent.Consistent
	var present []string
	return func(_ map[string]string, workloads, workers []string, timed func(func())) (map[string]string, error) {
		at := make([]consistent.Member, len(workloads))
		timed(func() {
			if members == nil {
				members = newRing(workers, partitions(len(workers)))
			}
			update(members, present, workers)
			for i, workload := range workloads {
				at[i] = members.LocateKey([]byte(workload))
			}
		})
		present = slices.Clone(workers)
		table := make(map[string]string, len(workloads))
		for i, workload := range workloads {
			table[workload] = string(at[i].(member))
		}
		return table, nil
	}
}

func newRing(workers []string, partitions int) *consistent.Consistent {
	members := make([]consistent.Member, len(workers))
	for i, worker := range workers {
		members[i] = member(worker)
	}
	return consistent.New(members, consistent.Config{Hasher: hasher{}, PartitionCount: partitions})
}

// partitions is the first prime number that is not less than the default for each ten workers.
func partitions(workers int) int {
	n := consistent.DefaultPartitionCount * max(workers, 10) / 10
	for !big.NewInt(int64(n)).ProbablyPrime(0) { // exact below 2^64
		n++
	}
	return n
}

// update removes from the ring the workers that are gone, and adds those that came.
func update(members *consistent.Consistent, before, after []string) {
	stays, was := places(after), places(before)
	for _, worker := range before {
		if _, ok := stays[worker]; !ok {
			members.Remove(member(worker).String())
		}
	}
	for _, worker := range after {
		if _, ok := was[worker]; !ok {
			members.Add(member(worker)) // without effect on those that the ring was made with
		}
	}
}

type hasher struct{}

func (hasher) Sum64(b []byte) uint64 { return xxhash.Sum64(b) }

// member is a worker by name. The library hashes name and number, written one after the other, for a member's points on the
// ring: point 13 of worker-1 would be point 3 of worker-11, and a nil pointer once one of the two is removed. So no digit
// may be last.
type member string

func (m member) String() string { return string(m) + "/" }
