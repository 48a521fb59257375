package podman

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
)

// Network is a bridge on the node that pods are attached to.
type Network struct {
	Name string
	// Interface is the bridge's name on the node, at most 15 bytes.
	Interface string
	// Subnet that pods get their addresses from, and Gateway, the node's own address in it.
	Subnet  netip.Prefix
	Gateway netip.Addr
	// MTU in bytes. 0: the usual 1500.
	MTU int
}

type network struct {
	Name      string            `json:"name"`
	Driver    string            `json:"driver"`
	Interface string            `json:"network_interface"`
	Subnets   []subnet          `json:"subnets"`
	Options   map[string]string `json:"options,omitempty"`
	// DNS is not podman's: its names are the node's only.
	DNS bool `json:"dns_enabled"`
}

type subnet struct {
	Subnet  netip.Prefix `json:"subnet"`
	Gateway netip.Addr   `json:"gateway"`
}

// EnsureNetwork makes the network, or leaves it if it is there and the same. One of that name that is another is replaced, which fails
// with ErrInUse while pods are attached to it, also if none of them runs.
func (c *Client) EnsureNetwork(ctx context.Context, n Network) error {
	want := network{Name: n.Name, Driver: "bridge", Interface: n.Interface, Subnets: []subnet{{n.Subnet, n.Gateway}}}
	if n.MTU > 0 {
		want.Options = map[string]string{"mtu": strconv.Itoa(n.MTU)}
	}
	var have network
	err := c.call(ctx, http.MethodGet, "/networks/"+url.PathEscape(n.Name)+"/json", nil, nil, &have)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return fmt.Errorf("look for network %s: %w", n.Name, err)
	case want.same(have):
		return nil
	default:
		if err := c.RemoveNetwork(ctx, n.Name); err != nil {
			return err
		}
	}
	if err := c.call(ctx, http.MethodPost, "/networks/create", nil, want, nil); err != nil {
		return fmt.Errorf("create network %s: %w", n.Name, err)
	}
	return nil
}

func (n network) same(m network) bool {
	return n.Driver == m.Driver && n.Interface == m.Interface && n.DNS == m.DNS && n.Options["mtu"] == m.Options["mtu"] &&
		len(m.Subnets) == 1 && n.Subnets[0] == m.Subnets[0]
}

// RemoveNetwork removes a network that no pod is attached to. One that is not there is no error.
func (c *Client) RemoveNetwork(ctx context.Context, name string) error {
	r, err := request(ctx, http.MethodDelete, "/networks/"+url.PathEscape(name), nil, nil)
	if err != nil {
		return err
	}
	answer, err := c.send(r)
	if err != nil {
		if none(err) == nil {
			return nil
		}
		return fmt.Errorf("remove network %s: %w", name, err)
	}
	return answer.Body.Close()
}
