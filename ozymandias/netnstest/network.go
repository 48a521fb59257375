// Package netnstest makes a few machines out of one, as far as the network can tell: network namespaces, joined by a switch of which
// each port can be cut. It needs root and the programs ip, nsenter and ebtables.
package netnstest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A Network is some machines on one switch, and a port for the test itself, to look at them from outside.
type Network struct {
	Machines []*Machine
	// Outside is the test's own address in the network.
	Outside netip.Addr

	// space is the switch's namespace, apart from the machine's own so that nothing filters what passes; port is the test's interface.
	space, port string
}

// New makes a network of n machines, at most 200, for one test.
func New(t *testing.T, n int) *Network {
	t.Helper()
	network, err := Setup(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := network.Close(); err != nil {
			t.Error(err)
		}
	})
	return network
}

var networks atomic.Int32

// settingUp is held from when a subnet is found free until it is taken.
var settingUp sync.Mutex

// Setup makes a network of n machines for whoever calls [Network.Close].
func Setup(n int) (*Network, error) {
	settingUp.Lock()
	defer settingUp.Unlock()
	subnet, err := FreeSubnet(netip.MustParsePrefix("172.20.0.0/14"))
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("oz%d-%d", os.Getpid(), networks.Add(1))
	s := &Network{Outside: subnet.Addr().Next(), space: name + "-switch", port: name}
	if err := s.make(name, subnet, n); err != nil {
		return nil, errors.Join(fmt.Errorf("make a network of machines, as root: %w", err), s.Close())
	}
	return s, nil
}

func (s *Network) make(name string, subnet netip.Prefix, n int) error {
	if err := s.add(s.space); err != nil {
		return err
	}
	if err := all(
		ip("-n", s.space, "link", "add", "name", "switch", "type", "bridge"),
		ip("-n", s.space, "link", "set", "dev", "switch", "up"),
		ip("-n", s.space, "link", "add", "name", "outside", "type", "veth", "peer", "name", s.port, "netns", fmt.Sprint(os.Getpid())),
		ip("-n", s.space, "link", "set", "dev", "outside", "master", "switch", "up"),
		ip("address", "add", netip.PrefixFrom(s.Outside, subnet.Bits()).String(), "dev", s.port),
		ip("link", "set", "dev", s.port, "up"),
	); err != nil {
		return err
	}
	address := s.Outside
	for i := range n {
		address = address.Next()
		m := &Machine{Name: fmt.Sprintf("n%d", i+1), Address: address, Namespace: fmt.Sprintf("%s-n%d", name, i+1), port: fmt.Sprintf("port%d", i+1), network: s}
		if err := s.add(m.Namespace); err != nil {
			return err
		}
		s.Machines = append(s.Machines, m)
		if err := all(
			ip("-n", s.space, "link", "add", "name", m.port, "type", "veth", "peer", "name", "eth0", "netns", m.Namespace),
			ip("-n", s.space, "link", "set", "dev", m.port, "master", "switch", "up"),
			ip("-n", m.Namespace, "address", "add", netip.PrefixFrom(address, subnet.Bits()).String(), "dev", "eth0"),
			ip("-n", m.Namespace, "link", "set", "dev", "eth0", "up"),
		); err != nil {
			return err
		}
	}
	return nil
}

// add adds a namespace. Its loopback interface has to be set up before anything in it can speak to itself.
func (s *Network) add(namespace string) error {
	return all(ip("netns", "add", namespace), ip("-n", namespace, "link", "set", "dev", "lo", "up"))
}

// Close takes the network down. Programs that still run in it are an error, and killed.
func (s *Network) Close() error {
	there, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		return fmt.Errorf("list network namespaces: %w", err)
	}
	var names []string
	for line := range strings.Lines(string(there)) {
		if fields := strings.Fields(line); len(fields) > 0 {
			names = append(names, fields[0])
		}
	}
	var faults []error
	for _, namespace := range append([]string{s.space}, s.namespaces()...) {
		if slices.Contains(names, namespace) {
			faults = append(faults, empty(namespace), all(ip("netns", "delete", namespace)))
		}
	}
	// It goes with the other end in the switch's namespace, in the kernel's own time.
	if _, err := net.InterfaceByName(s.port); err == nil {
		_ = all(ip("link", "delete", "dev", s.port))
	}
	if _, err := net.InterfaceByName(s.port); err == nil {
		faults = append(faults, fmt.Errorf("interface %s is left", s.port))
	}
	return errors.Join(faults...)
}

func (s *Network) namespaces() []string {
	var names []string
	for _, m := range s.Machines {
		names = append(names, m.Namespace)
	}
	return names
}

// found counts the subnets of this process.
var found atomic.Int32

// FreeSubnet finds a subnet for 256 addresses in a network for IPv4, of which no interface of this machine has any. It is held by nobody until an
// interface has it; but processes of tests begin to look at different ones, and so does one process each time: not at the next one, as
// processes that begin together have numbers that are close to each other.
func FreeSubnet(within netip.Prefix) (netip.Prefix, error) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Prefix{}, err
	}
	first, subnets := within.Masked().Addr().As4(), 1<<(24-within.Bits())
	begin := os.Getpid() + 257*int(found.Add(1))
	for i := range subnets {
		n := int(first[1])<<8 + int(first[2]) + (begin+i)%subnets
		subnet := netip.PrefixFrom(netip.AddrFrom4([4]byte{first[0], byte(n >> 8), byte(n), 0}), 24)
		if !slices.ContainsFunc(addresses, func(a net.Addr) bool {
			other, err := netip.ParsePrefix(a.String())
			return err == nil && other.Overlaps(subnet)
		}) {
			return subnet, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("there is no free subnet in %s", within)
}

func ip(args ...string) *exec.Cmd { return exec.Command("ip", args...) }

// all runs commands one after the other, up to the first that fails.
func all(commands ...*exec.Cmd) error {
	for _, c := range commands {
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(c.Args, " "), err, out)
		}
	}
	return nil
}
