// Package routes says where requests from outside and connections to ports go: to which addresses, by host, path and port.
//
// It is a pure function of the cluster's state, so that every node's ingress comes to the same table, and whoever explains a job
// to a person can tell what the ingress does without asking it.
//
// # Who gets requests
//
// An instance does if its node lives, its node's plan still has it at the epoch that runs, and it is healthy. So an instance that is
// to stop gets nothing new from the moment of that decision on, before its node has even seen it; what it has in hand it may
// finish.
//
// # Two jobs, one host
//
// Jobs can share a host by taking different paths of it. Of two that take the same, the one with the lower UID has it: UIDs
// begin with the time at which a job was made, so that is the older one, and nobody takes away what another job has by applying a
// file. The other's claim is listed in [Table.Conflicts].
package routes
