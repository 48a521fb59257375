// Package swarm decides which worker has which of a set of standing workloads: streams, feeds, anything that has exactly one
// consumer at a time, and keeps it.
//
// # The idea
//
// [Assign] makes a [Table] from the previous one. It is a pure function: whoever computes it, wherever, from input in
// whatever order, gets the same table, so that nothing has to be agreed on but the input. It keeps what can stay:
//
//	previous            workers          table
//	a: 1 2 3 4 5 6                       a: 1 2 3 4
//	b: 7 8 9 10 11 12   + c              b: 7 8 9 10
//	                                     c: 5 6 11 12
//
// Of equal workloads every worker has as many as any other, give or take one, and no other balanced table moves fewer from
// the previous one. Workloads may ask for more: a weight, a worker to themselves, labels their worker must have, a priority
// for when there is not room for all. Workers may have a capacity, or be draining because they are about to go. What cannot
// be placed waits, and [Wait] says why in words.
//
// What exactly is promised stands at [Assign]; the proofs stand where the code relies on them.
//
// # How it is made
//
// Names are turned into numbers, in orders that do not depend on the input (problem.go, order.go). Exclusive workloads get
// their workers (dedicate.go). The others are shared out: equal ones as counts, like water that finds its level
// (even.go on basins.go and basin.go, refine.go for the fewest moves), others one by one (weighted.go, displace.go, and
// room.go for what would wait). Then names come back (result.go, wait.go).
//
// A table says who is to have what. How workloads get from one owner to the next without ever having two is the subject of
// package handover.
package swarm
