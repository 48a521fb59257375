package network

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// prefix is where flannel's records are in etcd, and configKey what all nodes go by.
const (
	prefix    = "/ozymandias.network"
	configKey = prefix + "/config"
)

// vni is the number of our VXLAN, and so the name of flannel's interface: not 1, which another flannel on the machine has.
const vni = 7703

const device = "flannel.7703"

// config is flannel's, Documentation/configuration.md.
type config struct {
	Network   netip.Prefix
	SubnetLen int
	Backend   backend
}

type backend struct {
	Type string
	VNI  int
}

// agree returns the network of the cluster's pods. The first node decides what it is; wish is what this one was told, if anything.
func agree(ctx context.Context, client *clientv3.Client, wish netip.Prefix) (netip.Prefix, error) {
	first := wish
	if !first.IsValid() {
		first = DefaultPods
	}
	value, err := json.Marshal(config{first, bits(first), backend{"vxlan", vni}})
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("write flannel's configuration: %w", err)
	}
	answer, err := client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(configKey), "=", 0)).
		Then(clientv3.OpPut(configKey, string(value))).Else(clientv3.OpGet(configKey)).Commit()
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("look for flannel's configuration in etcd: %w", err)
	}
	if answer.Succeeded {
		return first, nil
	}
	there := answer.Responses[0].GetResponseRange().Kvs[0].Value
	var c config
	switch err := json.Unmarshal(there, &c); {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("flannel's configuration in etcd, %s, is %s: %w", configKey, there, err)
	case c != config{c.Network, bits(c.Network), backend{"vxlan", vni}}:
		return netip.Prefix{}, fmt.Errorf("flannel's configuration in etcd, %s, is %s, which was written by something else: no node can go by it", configKey, there)
	case wish.IsValid() && wish != c.Network:
		return netip.Prefix{}, fmt.Errorf("the network of the cluster's pods is %s and cannot be %s: all nodes have the same", c.Network, wish)
	}
	return c.Network, nil
}
