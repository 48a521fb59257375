// Package lease keeps a node's right to run instances: a lease in etcd that the node renews, and with which its entry among the living
// ends.
//
// Others may start elsewhere what ran on a node as soon as etcd has ended its lease, so the node has to have stopped everything before.
// It cannot ask etcd when that will be, as it is the very loss of etcd that matters. But it knows that etcd counts from when it took in
// the last renewal, which is after the node sent it; so a time to live after the sending is never too late. (The client's own keepalive
// counts from when it receives the answer.) What comes when in that time, and why, is in decision 9 of docs/adr.
//
// A node takes a lease by [Grant], or takes up that of an earlier process by [Resume]; [Lease.Keep] renews it and tells of each [Stage] that
// it comes to.
package lease
