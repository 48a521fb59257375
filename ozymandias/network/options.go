package network

import (
	"fmt"
	"log/slog"
	"net/netip"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/program"
)

// Options of a node's network.
type Options struct {
	// Pods is the network of the pods of all nodes, for IPv4, /8 to /25. The zero value: that of the cluster, or [DefaultPods].
	Pods netip.Prefix
	// Single says that there is no other node: flannel is not needed, nor etcd.
	Single bool
	// Address is the node's, at which the others reach it. It has to be an interface's own. IPv4.
	Address netip.Addr
	// Bridge is the name of podman's interface, at most 15 bytes. Empty: ozymandias0.
	Bridge string
	// Etcd is for flannel, Client for us.
	Etcd   program.Etcd
	Client *clientv3.Client
	// Dir keeps the node's part through a restart of the machine.
	Dir string
	Log *slog.Logger
}

// DefaultPods is a network that is not among those that others take unless they are told otherwise, so that they can be used on the same
// machine: podman (10.88.0.0 to 10.255.255.255), k3s (10.42.0.0/15), Docker (172.17.0.0 and above, 192.168.0.0/16).
var DefaultPods = netip.MustParsePrefix("10.77.0.0/16")

// CheckPods says why the network of the pods cannot be this one, if it cannot.
func CheckPods(pods netip.Prefix) error {
	if !pods.Addr().Is4() || pods.Bits() < 8 || pods.Bits() > 25 || pods.Masked() != pods {
		return fmt.Errorf("the network of the pods cannot be %s: write a network for IPv4 of /8 to /25, such as %s", pods, DefaultPods)
	}
	return nil
}

// check says what is wrong.
func (o Options) check() error {
	if o.Pods.IsValid() {
		if err := CheckPods(o.Pods); err != nil {
			return err
		}
	}
	switch {
	case !o.Address.Is4():
		return fmt.Errorf("the address of the node cannot be %s: the network of the pods needs an address for IPv4 that the other nodes reach", o.Address)
	case len(o.Bridge) > 15: // IFNAMSIZ, netdevice(7)
		return fmt.Errorf("the interface of the pods cannot be named %s: at most 15 bytes", o.Bridge)
	}
	return nil
}

// bits is the size of a node's part, half of which is for its pods: a /23, or a fourth of the network if that is less. Flannel gives
// nobody the first.
func bits(pods netip.Prefix) int { return max(23, pods.Bits()+2) }

// first is the first part that is given to a node.
func first(pods netip.Prefix) netip.Prefix {
	return netip.PrefixFrom(add(pods.Addr(), 1<<(32-bits(pods))), bits(pods))
}

// add counts on from an address for IPv4.
func add(a netip.Addr, n uint32) netip.Addr {
	b := a.As4()
	sum := uint32(b[0])<<24 + uint32(b[1])<<16 + uint32(b[2])<<8 + uint32(b[3]) + n
	return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)})
}
