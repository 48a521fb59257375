package network

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// setUp does what neither podman nor flannel does.
func (n *Network) setUp(ctx context.Context) error {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return err
	}
	addresses, err := lo.Addrs()
	if err != nil {
		return err
	}
	for _, a := range addresses {
		earlier, err := netip.ParsePrefix(a.String())
		if err == nil && n.pods.Contains(earlier.Addr()) && earlier.Addr() != n.part.nameserver() {
			_ = run(ctx, nameserver("delete", earlier.Addr())...) // it may be gone
		}
	}
	if err := run(ctx, nameserver("replace", n.part.nameserver())...); err != nil {
		return err
	}
	if n.o.Single || run(ctx, n.keepAddress("-C")...) == nil {
		return nil
	}
	return run(ctx, n.keepAddress("-I")...)
}

// nameserver is the command that adds or deletes the nameserver's address, which no other machine is to know of.
func nameserver(verb string, address netip.Addr) []string {
	return []string{"ip", "address", verb, netip.PrefixFrom(address, 32).String(), "dev", "lo", "scope", "host"}
}

// keepAddress is the command for a rule by which what goes from pod to pod keeps the address it comes from: podman's network would
// have everything that leaves the node come from the node. It has to be before podman's rules.
func (n *Network) keepAddress(verb string) []string {
	return []string{"iptables", "--wait", "-t", "nat", verb, "POSTROUTING", "-s", n.pods.String(), "-o", device,
		"-m", "comment", "--comment", comment, "-j", "ACCEPT"}
}

// Remove removes what nodes with that directory have made, as [Options] has it. Neither pods nor flannel may be there any more. What is
// not there is no error.
func Remove(ctx context.Context, dir string) error {
	o := Options{Dir: dir}
	p, err := o.read()
	if err != nil {
		return err
	}
	var faults []error
	if p.prefix.IsValid() && ownAddress(p.nameserver()) {
		faults = append(faults, run(ctx, nameserver("delete", p.nameserver())...))
	}
	// Flannel's rules are those of its pkg/trafficmngr/iptables, forwardRules.
	faults = append(faults, deleteRules(ctx, "nat", "POSTROUTING", comment), deleteRules(ctx, "filter", "FORWARD", chain))
	if run(ctx, "iptables", "--wait", "-S", chain) == nil {
		faults = append(faults, run(ctx, "iptables", "--wait", "-F", chain), run(ctx, "iptables", "--wait", "-X", chain))
	}
	if _, err := net.InterfaceByName(device); err == nil {
		faults = append(faults, run(ctx, "ip", "link", "delete", "dev", device))
	}
	if err := os.Remove(o.file()); !errors.Is(err, fs.ErrNotExist) {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// deleteRules deletes the rules of a chain that name something.
func deleteRules(ctx context.Context, table, in, named string) error {
	rules, err := exec.CommandContext(ctx, "iptables", "--wait", "-t", table, "-S", in).Output()
	if err != nil {
		return fmt.Errorf("list the rules of %s: %w", in, err)
	}
	for rule := range strings.Lines(string(rules)) {
		if !strings.Contains(rule, named) {
			continue
		}
		// As iptables prints it, quoted for a shell.
		if err := run(ctx, "sh", "-c", "iptables --wait -t "+table+" "+strings.Replace(strings.TrimSpace(rule), "-A ", "-D ", 1)); err != nil {
			return err
		}
	}
	return nil
}

// ownAddress tells whether an interface of this machine has the address.
func ownAddress(a netip.Addr) bool {
	addresses, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addresses, func(has net.Addr) bool {
		p, err := netip.ParsePrefix(has.String())
		return err == nil && p.Addr() == a
	})
}

// chain is where flannel's rules are, and comment by what ours is known.
const (
	chain   = "FLANNEL-FWD"
	comment = "ozymandias: from pod to pod"
)

// filtered sees to it that the kernel filters what crosses a bridge, without which flannel does not start.
func filtered(ctx context.Context) error {
	const there = "/proc/sys/net/bridge/bridge-nf-call-iptables"
	if _, err := os.Stat(there); err == nil {
		return nil
	}
	if err := run(ctx, "modprobe", "br_netfilter"); err != nil {
		return fmt.Errorf("flannel needs a kernel with br_netfilter: %w", err)
	}
	return nil
}

// mtu is that of the interface that has the address, in bytes.
func mtu(address netip.Addr) (int, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return 0, fmt.Errorf("look for the interface with address %s: %w", address, err)
	}
	for _, i := range interfaces {
		addresses, err := i.Addrs()
		if err != nil {
			continue // it is gone
		}
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr() == address {
				return i.MTU, nil
			}
		}
	}
	return 0, fmt.Errorf("no interface of this machine has the address %s: give the node one that it has", address)
}

func run(ctx context.Context, command ...string) error {
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
