package job

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Port leads from a port of the node to one of a container, as in "80:3000", "127.0.0.1:8080:80" or "514:514/udp".
type Port struct {
	// IP of the node it listens on; the zero Addr is all of them.
	IP netip.Addr
	// Host is the node's port, Container the container's: 1 to 65535.
	Host, Container uint16
	// Protocol is [TCPProtocol] or [UDPProtocol].
	Protocol Protocol
}

// Protocol of a published port.
type Protocol string

// The protocols there are.
const (
	TCPProtocol Protocol = "tcp"
	UDPProtocol Protocol = "udp"
)

// ParsePort reads [IP:]HOST:CONTAINER[/tcp|/udp]; an IPv6 address stands in brackets.
func ParsePort(s string) (Port, error) {
	fault := func(why string) (Port, error) {
		return Port{}, fmt.Errorf("%q is not a port: %s; write HOST:CONTAINER, as in 80:3000, 514:514/udp or 127.0.0.1:8080:80", s, why)
	}
	ends, protocol, named := strings.Cut(s, "/")
	port := Port{Protocol: TCPProtocol}
	if named {
		port.Protocol = Protocol(protocol)
	}
	if port.Protocol != TCPProtocol && port.Protocol != UDPProtocol {
		return fault(fmt.Sprintf("there is no protocol %q here, only tcp and udp", protocol))
	}
	cut := strings.LastIndexByte(ends, ':')
	if cut < 0 {
		return fault("the node's port is missing (other pods and an ingress reach every port of a container as it is)")
	}
	host, container := ends[:cut], ends[cut+1:]
	if cut = strings.LastIndexByte(host, ':'); cut >= 0 {
		ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host[:cut], "["), "]"))
		if err != nil || ip.Is6() != strings.HasPrefix(host, "[") || ip.Zone() != "" {
			return fault(fmt.Sprintf("%q is no IP address of a node", host[:cut]))
		}
		if port.IP, host = ip, host[cut+1:]; ip.IsUnspecified() {
			port.IP = netip.Addr{}
		}
	}
	for _, end := range []struct {
		text string
		into *uint16
	}{{host, &port.Host}, {container, &port.Container}} {
		n, err := strconv.ParseUint(end.text, 10, 16)
		if err != nil || n == 0 || end.text[0] == '+' {
			return fault(fmt.Sprintf("%q is no number from 1 to 65535", end.text))
		}
		*end.into = uint16(n)
	}
	return port, nil
}

// String writes the port as it is read, without what is taken for granted.
func (p Port) String() string {
	s := fmt.Sprintf("%d:%d", p.Host, p.Container)
	if p.IP.Is6() {
		s = fmt.Sprintf("[%s]:%s", p.IP, s)
	} else if p.IP.IsValid() {
		s = fmt.Sprintf("%s:%s", p.IP, s)
	}
	if p.Protocol == UDPProtocol {
		s += "/udp"
	}
	return s
}

// Collides tells whether the two cannot be published on one node.
func (p Port) Collides(q Port) bool {
	return p.Host == q.Host && p.Protocol == q.Protocol && (p.IP == q.IP || !p.IP.IsValid() || !q.IP.IsValid())
}

// MarshalText writes [Port.String].
func (p Port) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText is [ParsePort].
func (p *Port) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePort(string(b))
	return err
}

// UnmarshalJSON takes text; a number gets an answer that says what is missing.
func (p *Port) UnmarshalJSON(b []byte) error { return fromScalar(b, p) }
