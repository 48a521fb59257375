// Package swarms is the engine that shares out the workloads of Swarms on Kubernetes: who owns what, and what is published of it.
//
// What happens next is decided by package plan, which is pure. The record of the handovers is kept in pieces: its head in the
// Swarm's status, each part in the spec of an Assignment ([teamtask.dev/swarm/handover.Record] has the rules). Each look goes
// like this, and may stop anywhere, or be made by two controllers at a time:
//
//  1. The Swarm is read, then its ConfigMap, then its Assignments, none of them as it was before; and where its workloads come from.
//     What the cache has of Assignments and Workloads is taken from there if the API server says that it is the latest.
//  2. If there is news, the Swarm's status is written, on condition that it is still the one that was read. Of two controllers that
//     decide at the same time one gets a conflict, forgets its decision and begins again.
//  3. The Assignments that the status announces are written, each on condition that its spec is still what was read. What is not
//     written is seen by the next look, and written once more before anything else is granted.
//  4. If nothing had to be decided, what the Assignments say is published.
//
// Who is there, and what they run, is written into the Assignments' status by the workers and by package assignments; who is in the
// pool, and about to leave it, into their spec, by package pools or by the workers. This package creates no Assignments, and looks
// at no pods.
//
// # The ConfigMap
//
// A program that reads the ConfigMap runs what stands there. So it says only what Assignments say already: a grant that was announced,
// and never came to be, must not be read by anybody. And it never says again what it said before: as it is read before the
// Assignments are, and written only if it has not changed since, what is written is never older than what stands there. Its version
// is no less than that of any Assignment, even if nothing else is new; whoever sees that knows that no older one can come after it.
package swarms
