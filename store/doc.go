// Package store keeps worklists and swarms in etcd: their manifests, their records, the lists' results, and who owns which. A
// completion may be acknowledged only once it is durable, and only by the server that owns the list; both are one transaction here.
//
// etcd is either embedded in the process, which needs no configuration and opens no port, or a cluster of the user's
// ([Open]). The layout below the prefix (default /teamtask/) can be read with etcdctl:
//
//	secret, signing-key, token      made on first use; shared by all servers
//	lists/NAME                      the manifest, JSON
//	owners/NAME                     the server that owns the list, under that server's etcd lease
//	records/UID/checkpoint          the record, JSON (package worklist), or a reference to chunks of it
//	records/UID/chunks/GEN/N        a record too large for one value
//	records/UID/deltas/SEQ          news since the checkpoint, JSON
//	results/UID/{done,kept}/SEQ-SIZE rows of results, JSON lines, compressed; kept rows are never dropped
//	swarms/NAME                     the manifest, JSON
//	swarm-owners/NAME               the server that owns the swarm, as for lists
//	handovers/UID/head              the head of the record (package handover), JSON
//	handovers/UID/parts/WORKER      what a worker is told, and has said, JSON; compressed where it is large
//
// # Writing
//
// Who writes a record holds a [Tenure] of the list or swarm. A commit is a transaction that succeeds if the owner key is still
// the one the tenure created. So a server that lost its lease cannot write, and an answer given after a commit is as durable as
// etcd.
//
// The [Journal] of a list puts a delta and the rows that belong to it in one transaction; once the deltas outweigh the checkpoint
// they are folded into a new one. The [Handover] of a swarm is written piece by piece, as few workers are told something new at
// a time.
package store
