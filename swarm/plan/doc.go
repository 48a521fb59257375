// Package plan decides what happens next in a Swarm: one decision for both engines, that on Kubernetes and the List server.
//
// [Decide] joins the two cores. Package swarm says who is to have what ([swarm.Assign]); package handover says how it gets there
// without ever having two owners ([handover.Next]). What is added here is what neither can know: which workers count while they
// are away, what it means that a Swarm is suspended, deleted or not valid, and what people are told.
//
// # The rules
//
//   - A worker that is not there, because it is expected or has gone, counts until the Swarm's patience with it is over: it keeps
//     what it has, others are balanced with it, and nothing of it is granted to anybody else. So a pool that comes up one worker
//     after the other does not have everything on the first, and a worker that restarts finds its part again. Nothing is
//     granted to a worker that is not there.
//   - The previous table is what is granted. What is revoked and not acknowledged yet has no owner, so a handover that was
//     interrupted goes on, and does not begin anew.
//   - A workload that is no longer wanted is revoked.
//   - While a Swarm is suspended, or its workloads cannot be had, nothing moves: everything stays with its worker, however long
//     that is away; what has lost its owner waits.
//   - All of a Swarm that is deleted is revoked.
//
// The package is pure: what it is told are the Swarm, its workloads, its workers, the record of its handovers, and the time.
package plan
