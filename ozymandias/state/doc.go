// Package state is what all nodes of Ozymandias know in common: records in etcd, below one prefix.
//
//	head                 how many decisions were taken, and the names of the last ones
//	jobs/UID             the job as it is wanted, and what is remembered of it; a name may be had again while its last job still goes
//	specs/UID/REVISION   what instances of that revision run; written once
//	nodes/NAME           a machine: where it is, what it has, whether it drains
//	live/NAME            that its process is alive; under the node's lease, and written once in each
//	plans/NAME           what it is to run
//	reports/NAME         what it says of itself; under its lease
//	events/VERSION       what the decision of that version changed, in words; of the last ones
//
// Values are JSON, to be read with etcdctl.
//
// # Deciding
//
// Whoever decides reads all of it at one revision ([Mirror.State]), and writes what follows in one transaction ([Store.Commit]) that etcd
// refuses if another decision was taken since, or if a node that is given something to run has lost its lease. So decisions are one
// after the other, whichever node takes them, and there is no master. An answer may be lost after etcd took the transaction: each
// carries a name, by which it is looked up.
//
// # Only facts that stay true
//
// Reports and leases change without decisions, so a decision may rest on an older report. What it concludes from reports stays true: that an
// epoch has ended on a node, and that an incarnation is gone, are for ever.
package state
