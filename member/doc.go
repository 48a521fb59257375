// Package member is a worker's side of a Swarm: it joins the pool, runs the part that it is told, says which version of it it runs,
// and stops everything in time when it can no longer be sure that its workloads are still its own.
//
// # What must stay true
//
//   - A version is acknowledged only once nothing runs that is not in it.
//   - Whatever is granted to another incarnation is not run, be it of the same name.
//   - When the lease has not been renewed for so long that the engine may think the worker gone, nothing runs any more: the
//     deadline counts from when the last successful renewal was sent, on a clock that goes on while the machine sleeps.
//   - An incarnation that was given up is never taken up again: the worker stops everything and joins anew.
package member
