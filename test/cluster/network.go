package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// network is a bridge of a cluster's own, which its nodes are plugged into.
//
// The addresses are a /21 of 198.19.0.0/16 (198.18.0.0/15 is set aside for tests, RFC 2544). Its first /24 is for machines:
// .1 is this machine, .2 is node 1. Each other /24 is for the pods of one node, in the same order.
type network struct {
	number int      // of the cluster on this machine
	lock   *os.File // held as long as the network is in use; the kernel frees it should this process die
}

const (
	networks    = 32 // as many as fit into 198.19.0.0/16
	nodesAtMost = 7  // as many as fit into one of them
	locks       = "/run/teamtask-cluster"
)

// newNetwork makes a bridge, with addresses that nobody uses on this machine.
func newNetwork(ctx context.Context) (*network, error) {
	for number := range networks {
		n := &network{number: number}
		if n.taken() {
			continue
		}
		free, err := n.reserve()
		if err != nil {
			return nil, err
		}
		if !free {
			continue
		}
		if err := n.make(ctx); err != nil {
			return nil, errors.Join(err, n.remove())
		}
		return n, nil
	}
	return nil, fmt.Errorf("no free network for a cluster in 198.19.0.0/16: all %d are in use", networks)
}

// Sweep removes what clusters have left on this machine whose processes were killed. Clusters that run are left alone.
func Sweep() error {
	var errs []error
	for number := range networks {
		n := &network{number: number}
		if free, err := n.reserve(); err != nil {
			return err
		} else if free {
			errs = append(errs, n.remove())
		}
	}
	return errors.Join(errs...)
}

// reserve reports whether the network was free; now it is not.
func (n *network) reserve() (bool, error) {
	if err := os.MkdirAll(locks, 0o755); err != nil {
		return false, err
	}
	lock, err := os.OpenFile(filepath.Join(locks, fmt.Sprint(n.number)), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return false, err
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		return false, nil
	}
	n.lock = lock
	return true, nil
}

func (n *network) make(ctx context.Context) error {
	if err := n.clear(); err != nil { // of one that was killed
		return err
	}
	if err := ip(ctx, "link", "add", n.bridge(), "type", "bridge"); err != nil {
		return err
	}
	if err := ip(ctx, "address", "add", n.host()+"/24", "dev", n.bridge()); err != nil {
		return err
	}
	if err := ip(ctx, "link", "set", n.bridge(), "up"); err != nil {
		return err
	}
	for i := 1; i <= nodesAtMost; i++ {
		if err := ip(ctx, "route", "add", n.pods(i), "via", n.node(i)); err != nil {
			return err
		}
	}
	return nil
}

// remove removes all of the network, which may then be another's.
func (n *network) remove() error {
	defer n.lock.Close()
	return n.clear()
}

func (n *network) clear() error {
	var errs []error
	for i := 1; i <= nodesAtMost; i++ {
		errs = append(errs, n.unplug(i))
	}
	return errors.Join(append(errs, removeLink(n.bridge()))...)
}

// unplug removes what a node that has ended leaves: the kernel removes the cable with the namespace, but some time later.
func (n *network) unplug(node int) error {
	return errors.Join(removeLink(n.cable(node)), removeCgroup(n.cgroup(node)))
}

func removeLink(name string) error {
	if _, err := net.InterfaceByName(name); err != nil {
		return nil
	}
	err := ip(context.Background(), "link", "delete", name)
	if _, missing := net.InterfaceByName(name); missing != nil {
		return nil // the kernel was faster
	}
	return err
}

// taken reports whether another interface than the network's bridge has addresses of it.
func (n *network) taken() bool {
	all := netip.MustParsePrefix(n.all())
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		addresses, _ := i.Addrs()
		for _, a := range addresses {
			if prefix, err := netip.ParsePrefix(a.String()); err == nil && i.Name != n.bridge() && prefix.Overlaps(all) {
				return true
			}
		}
	}
	return false
}

func (n *network) bridge() string         { return fmt.Sprintf("teamtask%d", n.number) }
func (n *network) all() string            { return fmt.Sprintf("198.19.%d.0/21", 8*n.number) }
func (n *network) host() string           { return fmt.Sprintf("198.19.%d.1", 8*n.number) }
func (n *network) node(i int) string      { return fmt.Sprintf("198.19.%d.%d", 8*n.number, 1+i) }
func (n *network) pods(node int) string   { return fmt.Sprintf("198.19.%d.0/24", 8*n.number+node) }
func (n *network) cable(node int) string  { return fmt.Sprintf("%s-%d", n.bridge(), node) }
func (n *network) cgroup(node int) string { return n.cable(node) }

// ip runs the command of that name.
func ip(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
