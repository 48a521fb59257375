// Package names gives jobs and their instances names that containers resolve: JOB.ozymandias.internal for all healthy instances of a
// job, and ID.JOB.ozymandias.internal for one.
//
// Each node keeps a record in etcd of each of its own instances that is healthy ([Publisher]), under its lease, so that those of a node
// that is lost go by themselves. And each node runs CoreDNS ([Serve]), which looks into etcd at each question, and passes questions for
// other names on to the nameservers of the machine.
package names
