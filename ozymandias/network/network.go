package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/program"
)

// Network is a node's.
type Network struct {
	o    Options
	path string // of flannel
	part part
	pods netip.Prefix // of all nodes

	stop  func()     // ends flannel
	ended chan error // the last ends of it that nobody asked for
}

// Start gives the node its part of the network, and waits until it has it, as long as ctx lasts.
func Start(ctx context.Context, o Options) (_ *Network, err error) {
	if o.Bridge == "" {
		o.Bridge = "ozymandias0"
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("start the network: %w", err)
	}
	mtu, err := mtu(o.Address)
	if err != nil {
		return nil, fmt.Errorf("start the network: %w", err)
	}
	n := &Network{o: o, stop: func() {}, ended: make(chan error, 1)}
	before, err := o.read()
	if err != nil {
		return nil, err
	}
	if o.Single {
		err = n.alone(before, mtu)
	} else {
		err = n.join(ctx, before)
	}
	if err == nil {
		err = n.setUp(ctx)
	}
	if err != nil {
		n.Close()
		return nil, fmt.Errorf("start the network: %w", err)
	}
	return n, nil
}

// alone takes a part of its own choice: the one that the node had before, if any, or the first. When the node is started again with flannel,
// that goes on with the same part; so packets leave room for VXLAN already. mtu is that of the node's interface.
func (n *Network) alone(before part, mtu int) error {
	n.pods = n.o.Pods
	if !n.pods.IsValid() {
		n.pods = DefaultPods
	}
	n.part = part{first(n.pods), mtu - overhead}
	if before.prefix.Bits() == bits(n.pods) && n.pods.Contains(before.prefix.Addr()) {
		n.part.prefix = before.prefix
	}
	return n.o.wish(n.part)
}

// overhead is what VXLAN adds to a packet, in bytes: flannel's pkg/backend/vxlan, encapOverhead.
const overhead = 50

// join has flannel get the node's part.
func (n *Network) join(ctx context.Context, before part) (err error) {
	if n.path, err = program.Flannel.Find(); err != nil {
		return err
	}
	if err := filtered(ctx); err != nil {
		return err
	}
	if n.pods, err = agree(ctx, n.o.Client, n.o.Pods); err != nil {
		return err
	}
	if err := n.o.wish(before); err != nil {
		return err
	}
	n.run(n.o.Etcd)
	var last error
	for {
		if n.part, err = n.o.read(); err != nil {
			return err
		}
		if n.part.mtu > 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("flannel has no part of %s for this node in time: %w", n.pods, errors.Join(ctx.Err(), last))
		case last = <-n.ended:
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// run runs flannel, and stops what ran before.
func (n *Network) run(etcd program.Etcd) {
	n.stop()
	args := []string{"--etcd-endpoints=" + strings.Join(etcd.Endpoints, ","), "--etcd-prefix=" + prefix, "--subnet-file=" + n.o.file(),
		"--iface=" + n.o.Address.String()}
	if etcd.Secure() {
		args = append(args, "--etcd-cafile="+etcd.CA, "--etcd-certfile="+etcd.Certificate, "--etcd-keyfile="+etcd.Key)
	}
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	n.stop = func() { cancel(); <-over }
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			n.once(ctx, args)
		}
	}()
}

// once runs flannel until ctx ends, or it is to be begun anew.
func (n *Network) once(ctx context.Context, args []string) {
	ctx, anew := context.WithCancel(ctx)
	defer anew()
	program.Run(ctx, program.Program{
		Path: n.path,
		Args: args,
		// If it were asked to end it would first remove the rules by which packets between pods pass, and pods may go on.
		Signal: syscall.SIGKILL,
		Output: &program.Lines{Log: n.o.Log, Name: program.Flannel.Name, Bad: func(line []byte) bool {
			if blind(line) {
				anew()
			}
			return bad(line)
		}},
		Ended: func(err error) {
			n.o.Log.Warn("the network hears of no other nodes for a moment", "error", err)
			select {
			case n.ended <- err:
			default:
			}
		},
	})
}

// blind tells whether flannel says that it has lost its place in etcd's history. It would look for it for ever, and hear of no new nodes:
// it watches from the revision at which it began (flannel 0.26, pkg/subnet/etcd/registry.go, watchSubnets).
func blind(line []byte) bool {
	return bytes.Contains(line, []byte("required revision has been compacted"))
}

// bad tells whether flannel says that something is wrong, by the first letter of klog's lines.
func bad(line []byte) bool {
	return len(line) > 1 && (line[0] == 'E' || line[0] == 'F') && '0' <= line[1] && line[1] <= '9'
}

// Name is what podman calls the network.
const Name = "ozymandias"

// Podman is the network that podman is to have. It stays the same until the node is started anew.
func (n *Network) Podman() podman.Network {
	pods := n.part.pods()
	return podman.Network{Name: Name, Interface: n.o.Bridge, Subnet: pods, Gateway: pods.Addr().Next(), MTU: n.part.mtu}
}

// Nameserver is an address of the node that its pods reach, and that is there from the start on.
func (n *Network) Nameserver() netip.Addr { return n.part.nameserver() }

// Check says that the node has been given another part of the network than its pods have: they are not reached any more. That is when
// somebody removed its record in etcd. It takes a new start without pods to mend it.
func (n *Network) Check() error {
	now, err := n.o.read()
	if err != nil {
		return err
	}
	if now.prefix != n.part.prefix {
		return fmt.Errorf("this node's part of the network was %s and is %s: its pods are not reached from other nodes until they are made anew", n.part.prefix, now.prefix)
	}
	return nil
}

// Reach has flannel reach etcd in another way from now on.
func (n *Network) Reach(etcd program.Etcd) {
	if !n.o.Single {
		n.run(etcd)
	}
}

// Close ends flannel. The network stays as it is, without hearing of other nodes.
func (n *Network) Close() { n.stop() }
