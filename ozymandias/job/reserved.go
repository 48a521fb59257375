package job

import (
	"fmt"
	"net/netip"
	"slices"
)

// The ports at which nodes listen for each other, unless others are given.
const (
	APIPort        = 7700 // for people elsewhere, too
	EtcdClientPort = 7701
	EtcdPeerPort   = 7702 // where etcd's members listen for each other
)

// An own port is one that every node listens at for the cluster itself.
type own struct {
	port      uint16
	protocols []Protocol
	whose     string
	// hidden: only at an address that nobody outside the node calls. Published at another address the port is in nobody's way.
	hidden bool
}

// ownPorts are all there are. What is published without an address leads away from every address of the node, so from those of the cluster, too.
var ownPorts = []own{
	{53, []Protocol{TCPProtocol, UDPProtocol}, "the nameserver's", true},
	{1053, []Protocol{TCPProtocol, UDPProtocol}, "the nameserver's", true}, // which asks itself there and at the next
	{1054, []Protocol{TCPProtocol, UDPProtocol}, "the nameserver's", true},
	{APIPort, []Protocol{TCPProtocol}, "the API's", false},
	{EtcdClientPort, []Protocol{TCPProtocol}, "etcd's, for its clients,", false},
	{EtcdPeerPort, []Protocol{TCPProtocol}, "etcd's, for its members,", false},
	{8472, []Protocol{UDPProtocol}, "the pods' network's", false}, // flannel's VXLAN
}

// ownPort is the one that a port of the nodes would be in the way of, if there is one.
func ownPort(number int, protocol Protocol) (own, bool) {
	i := slices.IndexFunc(ownPorts, func(o own) bool { return int(o.port) == number && slices.Contains(o.protocols, protocol) })
	if i < 0 {
		return own{}, false
	}
	return ownPorts[i], true
}

// exampleAddress is one of those that are nobody's: RFC 5737.
var exampleAddress = netip.AddrFrom4([4]byte{192, 0, 2, 1})

// Reserved are the faults of what wants ports of the nodes that the cluster needs itself. It is no part of [Job.Validate]: a job that is stored
// may have one from a time when that was not looked at, and remains what it is until it is applied again.
func (j Job) Reserved() []Fault {
	var found faults
	for at, i := range j.Ingress {
		if o, taken := ownPort(i.TCP, TCPProtocol); taken {
			found.add(fmt.Sprintf("ingress[%d].tcp", at), "port %d is %s on every node: write another one", i.TCP, o.whose)
		}
	}
	for _, name := range j.names() {
		for at, p := range j.Containers[name].Ports {
			o, taken := ownPort(int(p.Host), p.Protocol)
			if !taken || o.hidden && p.IP.IsValid() {
				continue
			}
			instead := "write another one"
			if o.hidden {
				one := p
				one.IP = exampleAddress
				instead += fmt.Sprintf(", or at which address of the node, as in %s", one)
			}
			found.add(fmt.Sprintf("containers.%s.ports[%d]", name, at), "port %d is %s on every node: %s", p.Host, o.whose, instead)
		}
	}
	return found
}
