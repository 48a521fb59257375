// Package cluster makes machines one cluster: it founds one, joins one, and opens it again; runs etcd inside the process on as many
// machines as it takes; and keeps their certificates.
//
// # What a machine has
//
// All is below its data directory, and is made whole or not at all:
//
//	pki/cluster.json     which node this is, and where etcd was last seen
//	pki/ca.crt, ca.key   the authority, by which a cluster is told from others
//	pki/node.*           the node's certificate and its key
//	pki/cluster.key      the cluster's key
//	pki/restored.json    a backup, until etcd has begun with it
//	pki.new/             pki, until it is whole
//	etcd/                the data of etcd, if the machine is one of its members
//	etcd.new/, .made/    those that etcd is to begin with: as they are made, and when they are whole
//	etcd.before/         those that were there before
//	etcd.old/            those of a former member, as they are removed
//	lock                 the process that has the directory has this file locked
//
// [Open] goes by what is there, so that one command line founds or joins at first, and opens ever after. Killed at any moment, it goes on or
// begins anew the next time.
//
// # What the cluster has
//
// Records in etcd, below /ozymandias/cluster/:
//
//	format        which programs can read the records of this cluster
//	nodes/NAME    each node that was admitted, with the identity of its machine ([pki.ID]) and its addresses
//	token         the secret of the token, sealed
//	turn          whose turn it is to change etcd's members; under a lease
//
// A name belongs to the machine that was admitted by it, until somebody has it forgotten.
//
// # etcd's members
//
// Which nodes are members of etcd is decided by a rule ([Wanted]) and by whoever is first: a node that sees that there are too few adds
// itself as a learner, which has no vote, and any node promotes it when it has caught up. So nobody who is not there is waited for, and there is no
// one to appoint members. What is done takes one turn each, and etcd refuses what would cost it its majority.
//
// # When they are lost
//
// A member that is left goes on alone if somebody says that the majority is gone for good ([Options.ForceNewCluster]), and a cluster is founded anew
// from a [Backup] ([Options.Restore]). What may have been written since is lost then, so epochs and revisions leap to be greater than any that were
// given out.
package cluster
