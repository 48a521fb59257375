// Package network gives the pods of all nodes one network, in which each reaches each by its own address.
//
// The network, 10.77.0.0/16 unless it is told otherwise, is shared out among the nodes by flannel, through etcd: each gets a part of it,
// and an interface that carries what goes to the parts of others in packets between the nodes (VXLAN). On each node podman has a bridge
// with addresses of the node's part. A single machine does without flannel.
//
// [Start] gives a node its part; [Network.Podman] is what podman is to make of it.
//
// # What a node does with its part
//
// Its lower half is the node's own: its first address is that of flannel's interface, its second that of the nameserver
// ([Network.Nameserver]), which is there whether podman's bridge is or not. The upper half is podman's: podman refuses a network in
// which the node has an address already.
//
// A firewall on a node has to let in UDP port 8472 from other nodes, and port 53 from its pods to the nameserver.
//
// # What is left when a node ends
//
// All of it, for pods may go on, and flannel finds it again: a node keeps its part for as long as nobody else was given it, and it is
// only given away when the node was not seen for a day. [Remove] removes it.
package network
