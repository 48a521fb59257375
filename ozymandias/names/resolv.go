package names

import (
	"bytes"
	"net/netip"
	"os"
	"slices"
)

// upstream are the nameservers of the machine: those that resolv.conf(5) names, but ourselves. None of them if it cannot be read, as
// when it is about to be written.
func (o Options) upstream() []netip.Addr {
	b, err := os.ReadFile(o.Resolv)
	if err != nil {
		return nil
	}
	servers := slices.DeleteFunc(nameservers(b), func(a netip.Addr) bool { return a == o.Listen })
	return servers[:min(len(servers), 15)] // as many as CoreDNS takes
}

// nameservers reads a resolv.conf. Addresses that only mean something on one interface are left out, for CoreDNS does not know them.
func nameservers(resolv []byte) []netip.Addr {
	var servers []netip.Addr
	for line := range bytes.Lines(resolv) {
		fields := bytes.Fields(line)
		if len(fields) < 2 || string(fields[0]) != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(string(fields[1])); err == nil && a.Zone() == "" && !slices.Contains(servers, a) {
			servers = append(servers, a)
		}
	}
	return servers
}
