// Package node makes a machine agree with its plan: the process that runs on each machine of a cluster.
//
// What to do next is decided in package converge, which is pure; this package does it, and tells what came of it. A [Node] lives one life
// after the other, each under a lease of its own (package lease). In a life, each of these is done by a goroutine that ends with it:
//
//   - keeping the lease, and telling the watchdog until when it is held;
//   - the loop, which alone owns what is known of the instances: it takes in the plan, results, verdicts, the time, and asks converge;
//   - one action for an instance, one at a time for each; it answers the loop;
//   - one probe for each container with a check;
//   - watching podman: what ends, and now and then all that there is, as news get lost;
//   - writing the report.
//
// When the lease can be held no longer everything is killed by its control group, without asking podman; once nothing runs any more the
// next life begins. A process that is started anew takes up the life of the one before, and what runs, if their lease still lives.
//
// # What is kept where
//
// On the disk there is the lease's number, written before the node joins, and the volumes. What belongs to whom is in the labels of pods;
// how often a container was restarted is in the node's own report, which lives as long as its lease. A plan is never kept: it is read.
package node
