package network

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// part is a node's part of the network.
type part struct {
	prefix netip.Prefix
	// mtu in bytes. 0: flannel has not said yet.
	mtu int
}

// file is what flannel writes, and reads when it starts: flannel's main.go, HandleSubnetFile and ReadCIDRFromSubnetFile.
func (o Options) file() string { return filepath.Join(o.Dir, "subnet.env") }

// read reads the node's part from the file; the zero value if there is none.
func (o Options) read() (part, error) {
	b, err := os.ReadFile(o.file())
	if errors.Is(err, fs.ErrNotExist) {
		return part{}, nil
	}
	if err != nil {
		return part{}, fmt.Errorf("look for the node's part of the network: %w", err)
	}
	p, err := parse(string(b))
	if err != nil {
		return part{}, fmt.Errorf("look for the node's part of the network in %s: %w", o.file(), err)
	}
	return p, nil
}

func parse(file string) (p part, err error) {
	for line := range strings.Lines(file) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "FLANNEL_SUBNET": // its second address
			p.prefix, err = netip.ParsePrefix(value)
			p.prefix = p.prefix.Masked()
		case "FLANNEL_MTU":
			p.mtu, err = strconv.Atoi(value)
		}
		if err != nil {
			return part{}, err
		}
	}
	return p, nil
}

// wish writes the file so that flannel goes on with a part if it can, and that what it writes then can be told from this.
func (o Options) wish(p part) error {
	if !p.prefix.IsValid() {
		return nil
	}
	if err := os.WriteFile(o.file(), fmt.Appendf(nil, "FLANNEL_SUBNET=%s/%d\n", p.prefix.Addr().Next(), p.prefix.Bits()), 0o644); err != nil {
		return fmt.Errorf("note the node's part of the network: %w", err)
	}
	return nil
}

// nameserver is the second address of the part.
func (p part) nameserver() netip.Addr { return p.prefix.Addr().Next() }

// pods is the upper half of the part.
func (p part) pods() netip.Prefix {
	half := p.prefix.Bits() + 1
	return netip.PrefixFrom(add(p.prefix.Addr(), 1<<(32-half)), half)
}
