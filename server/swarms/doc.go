// Package swarms is the engine of a Swarm on the List server: it gives the decisions of package plan a durable record and a clock,
// and workers a lease.
//
// # The idea
//
// An [Engine] has one swarm, which its server owns. Calls of workers change what is said of them in memory: that they are there,
// what they run. One goroutine goes in rounds:
//
//	news       what was said becomes durable: joined, acknowledged, gone
//	decide     plan.Decide goes by nothing but what is durable
//	record     the decision becomes durable, its head first
//	tell       workers see their parts
//
// While one round is under way, what the next has to look at gathers, so many acknowledgements share a decision.
//
// # What must stay true
//
//   - A worker sees nothing, and nothing is granted because of what it said, before it is durable. An acknowledgement or a renewal is
//     answered at once all the same: the worker repeats it with its next one.
//   - That an incarnation is gone is durable before anything of it is granted to another. It does not come back: its
//     renewals are refused from then on, whichever server owns the swarm.
//   - A lease is as long as the worker was told when it joined, whatever the Swarm says now. After a restart or a
//     takeover, who was there has a whole one anew: the renewals that the server before this one answered are not known.
//   - A worker that does not acknowledge its part in time has its renewals refused, as on Kubernetes its pod is restarted. It is gone
//     when its lease has run out, and no earlier: perhaps it has not heard.
//   - No call is answered once another server may own the swarm: that one does not hear of renewals which are answered here.
//   - A write that fails ends the engine: perhaps it was made, perhaps not. The next one reads the record again, under a new tenure,
//     so that nothing comes late.
package swarms
