// Package node makes a machine agree with its plan: the process that runs on each machine of a cluster.
//
// What to do next is decided in package converge, which is pure; this package does it, and tells what came of it. A [Node] lives one life
// after the other, each under a lease of its own (package lease): life.go has its beginning and its end, run.go what comes between the lease
// and the loop, loop.go the loop. In a life, each of these is done by a goroutine that ends with it:
//
//   - keeping the lease (life.keepLease), and telling the watchdog until when it is held;
//   - the loop (loop.run), which alone owns what is known of the instances: it takes in the plan, results, verdicts, the time, and asks converge;
//   - one action for an instance, one at a time for each (loop.do); it answers the loop;
//   - one probe for each container with a check (loop.probe);
//   - watching podman: what ends (loop.hear), and now and then all that there is (loop.poll), as news get lost;
//   - writing the report (writer.run);
//   - having the images of the cluster, and watching that nobody has taken the node from among the living.
//
// When the lease can be held no longer everything is killed by its control group, without asking podman; once nothing runs any more the
// next life begins. A process that is started anew takes up the life of the one before, and what runs, if their lease still lives.
//
// # What is kept where
//
// On the disk there is the lease's number, written before the node joins, the volumes, and the logs of what is not there any more (package
// logs). What belongs to whom is in the labels of pods; how often a container was restarted, and how it ended last, is in the node's own
// report, which lives as long as its lease. A plan is never kept: it is read.
package node
