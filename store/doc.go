// Package store keeps worklists in etcd: their manifests, their records, their results, and who owns which. A completion may
// be acknowledged only once it is durable, and only by the server that owns the list; both are one transaction here.
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
//
// # Writing
//
// Who writes a list's record holds its [Tenure]. A commit is one transaction: it puts a delta and the rows that belong to
// it, if the owner key is still the one the tenure created. So a server that lost its lease cannot write, and an answer
// given after a commit is as durable as etcd. Once the deltas outweigh the checkpoint they are folded into a new one.
package store
