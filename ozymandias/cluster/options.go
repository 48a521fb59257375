package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/program"
)

// The ports of a node, unless others are given.
const (
	DefaultAPIPort    = job.APIPort
	DefaultClientPort = job.EtcdClientPort
	DefaultPeerPort   = job.EtcdPeerPort
)

// What a caller decides on.
var (
	ErrInUse        = errors.New("in use by another process")
	ErrOtherCluster = errors.New("this machine is a node of another cluster")
	ErrDataLost     = errors.New("the data of etcd is gone from this machine")
	ErrForgotten    = errors.New("this node was deleted from the cluster")
	ErrNewer        = errors.New("the cluster needs a newer program")
	ErrInvalid      = errors.New("not acceptable")
	ErrToken        = errors.New("the token is not valid, or not any more: `ozymandias token join` prints one on a node of the cluster")
	ErrNameTaken    = errors.New("the name is taken")
	ErrAddressTaken = errors.New("the address is taken")
)

// Options say which node this is, and how it comes to its cluster.
type Options struct {
	// Name is the node's, one of its own in the cluster: labels of lower-case letters, digits and "-", with dots between.
	Name string
	// Data is the directory of all that has to outlive the process.
	Data string
	// Address is where the other nodes reach this one. etcd listens there, and nowhere else.
	Address netip.Addr
	// Ports; 0 is the default.
	APIPort, ClientPort, PeerPort uint16

	// Join are nodes of the cluster to join, HOST:PORT of their API. Without, a cluster is founded. It and Token are for the first time:
	// once the data directory holds a node they are not needed.
	Join []string
	// Token admits to the cluster to join.
	Token string

	// External is an etcd of the user's own, which takes the place of the embedded one. It may go without TLS.
	External *program.Etcd

	// Restore is a file with a backup ([Backup]), for a machine that is no node yet: it founds the cluster anew from that.
	Restore string

	// ForceNewCluster has a node with a member of etcd go on alone with what that has, when the majority of the members is gone for good. It
	// is refused if that is not so. It is done once: said again at the next start, it is ignored.
	ForceNewCluster bool

	Log *slog.Logger

	patience patience // tests have less, of this
	quota    int64    // and of etcd's data, in bytes
}

// withDefaults fills in what was left out, and says what is wrong with the rest.
func (o Options) withDefaults() (Options, error) {
	o.APIPort = cmp.Or(o.APIPort, DefaultAPIPort)
	o.ClientPort = cmp.Or(o.ClientPort, DefaultClientPort)
	o.PeerPort = cmp.Or(o.PeerPort, DefaultPeerPort)
	o.Log = cmp.Or(o.Log, slog.Default())
	o.patience = cmp.Or(o.patience, defaultPatience)
	o.patience.silence = cmp.Or(o.patience.silence, defaultPatience.silence)
	o.patience.file, o.patience.shrink = cmp.Or(o.patience.file, defaultPatience.file), cmp.Or(o.patience.shrink, defaultPatience.shrink)
	o.quota = cmp.Or(o.quota, mostData)
	switch {
	case o.Data == "":
		return o, fmt.Errorf("%w: there is no data directory", ErrInvalid)
	case len(o.Join) > 0 && o.Token == "":
		return o, fmt.Errorf("%w: joining takes a token: `ozymandias token join` prints one on a node of the cluster", ErrInvalid)
	case len(o.Join) == 0 && o.Token != "":
		return o, fmt.Errorf("%w: a token is for joining: give a node to join as well, with --join HOST:%d", ErrInvalid, DefaultAPIPort)
	case o.Restore != "" && len(o.Join) > 0:
		return o, fmt.Errorf("%w: a cluster is restored, or joined: leave out --join or --restore", ErrInvalid)
	case o.Restore != "" && o.External != nil:
		return o, fmt.Errorf("%w: --restore is for the embedded etcd: restore your own as its manual says", ErrInvalid)
	case o.External != nil && len(o.External.Endpoints) == 0:
		return o, fmt.Errorf("%w: there are no endpoints of the etcd to use", ErrInvalid)
	}
	return o, o.node("").check()
}

// node is what the cluster is to know of this one.
func (o Options) node(id string) Node {
	at := func(port uint16) string { return netip.AddrPortFrom(o.Address, port).String() }
	return Node{Name: o.Name, ID: id, Address: o.Address, API: at(o.APIPort), Client: at(o.ClientPort), Peer: at(o.PeerPort)}
}

// check says what is wrong with a node's name and addresses.
func (n Node) check() error {
	if len(n.Name) > 63 || !job.IsHost(n.Name) || strings.HasSuffix("."+n.Name, "."+job.Domain) || n.Name == "localhost" {
		return fmt.Errorf("name %q is %w: it takes labels of lower-case letters, digits and '-', with dots between, at most 63 bytes in all, as in n1", n.Name, ErrInvalid)
	}
	if !n.Address.IsValid() || n.Address.IsUnspecified() || n.Address.IsMulticast() || n.Address.Zone() != "" {
		return fmt.Errorf("address %q is %w: it has to be the IP address at which the other nodes reach this one", n.Address, ErrInvalid)
	}
	for _, hostport := range []string{n.API, n.Client, n.Peer} {
		host, port, err := net.SplitHostPort(hostport)
		if number, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || number == 0 || host != n.Address.String() {
			return fmt.Errorf("address %q is %w: it has to be the node's with a port", hostport, ErrInvalid)
		}
	}
	return nil
}
