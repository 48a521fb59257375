// Package owners checks the promise of a Swarm by what its workers themselves believe: no workload has two owners at any instant, the
// epochs of its owners grow, nobody runs anything once their lease is over, and when all is well again everything is owned again.
//
// A [History] takes down who runs what, at the moment that it begins and ends. All workers of a test are in one process, so what
// it takes down is in the order in which it happened. [Worker] is a real member of a pool ([teamtask.dev/member.Run]) with a program that
// stops slowly, or hangs. Between it and whoever shares out the workloads is a [Wire], on which requests and answers are lost, come late,
// or are waited for in vain. A [Story] has one thing go wrong after the other, by a random number whose seed is printed:
//
//	go test ./test/owners/... -args -faults=2000 -seed=42
//
// What the List server and Kubernetes have of their own that can go wrong is in the packages server and kubernetes below.
//
// # When the machine has no time
//
// A worker that the machine does not run when its lease is about to end cannot stop in time: the promise rests on that (docs/swarms.md).
// A [Pulse] measures whether it was run. If not, a worker that is late is taken down as excused, and does not fail the test. Two owners
// of which the first still has its lease always fail it, and so do epochs that do not grow.
//
// For the same reason leases grow where the machine is too slow for workers to keep them. No time is asserted but that it must not take
// minutes; what it took is printed.
package owners
