package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Node is a running node of a cluster.
type Node struct {
	Name    string
	Address string // that this machine and the other nodes reach it at

	cluster   *Cluster
	number    int        // among the cluster's nodes, from 1
	first     *process   // the node's first: all others end with it
	pid       int        // of first
	processes []*process // the others
}

// AddNode starts a node and waits until it is ready for pods. A name can be used again after the node has been stopped.
func (c *Cluster) AddNode(ctx context.Context, name string) (_ *Node, err error) {
	n := &Node{Name: name, cluster: c, number: 1}
	if c.network == nil {
		return nil, errors.New("this cluster cannot have nodes: start it with Options.Nodes of 1 or more")
	}
	if slices.ContainsFunc(c.Nodes, func(o *Node) bool { return o.Name == name }) {
		return nil, fmt.Errorf("there is a node %s already: choose another name", name)
	}
	for slices.ContainsFunc(c.Nodes, func(o *Node) bool { return o.number == n.number }) {
		n.number++
	}
	if n.number > nodesAtMost {
		return nil, fmt.Errorf("a cluster has at most %d nodes: stop one first", nodesAtMost)
	}
	n.Address = c.network.node(n.number)
	c.progress("starting " + name)
	c.Nodes = append(c.Nodes, n)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start node %s: %w", name, err), n.Stop())
		}
	}()
	if err := n.configure(); err != nil {
		return nil, err
	}
	if err := n.makeMachine(ctx); err != nil {
		return nil, err
	}
	if err := n.start("containerd", "containerd", "--config", "/var/etc/containerd.toml"); err != nil {
		return nil, err
	}
	if err := n.waitFor(ctx, "containerd", func() bool {
		return n.command(ctx, "ctr", "version").Run() == nil
	}); err != nil {
		return nil, err
	}
	for _, archive := range c.images {
		if err := n.loadImage(ctx, archive); err != nil {
			return nil, err
		}
	}
	if err := n.start("kube-proxy", "/var/bin/kube-proxy", "--config", "/var/etc/kube-proxy.yaml", "--hostname-override", name); err != nil {
		return nil, err
	}
	start := time.Now()
	if err := n.start("kubelet", "/var/bin/kubelet", "--config", "/var/etc/kubelet.yaml", "--kubeconfig", "/var/etc/kubelet.kubeconfig",
		"--hostname-override", name, "--node-ip", n.Address, "--root-dir", "/var/lib/kubelet", "--cert-dir", "/var/lib/kubelet/pki"); err != nil {
		return nil, err
	}
	return n, n.waitFor(ctx, "kubelet", func() bool { return n.ready(ctx, start) })
}

// ready reports whether the node has said, since its start, that it is ready, and pods can be made: they are refused until the
// controller manager has made their account.
func (n *Node) ready(ctx context.Context, start time.Time) bool {
	out, err := n.cluster.Kubectl(ctx, "get", "node", n.Name, "--output",
		`jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status} {.lastHeartbeatTime}{end}`)
	status, heartbeat, _ := strings.Cut(out, " ")
	if err != nil || status != "True" {
		return false
	}
	at, err := time.Parse(time.RFC3339, heartbeat) // in whole seconds
	if err != nil || at.Before(start.Truncate(time.Second)) {
		return false // of an earlier node of that name
	}
	_, err = n.cluster.Kubectl(ctx, "get", "serviceaccount", "default")
	return err == nil
}

// Stop ends the node at once, as if its plug was pulled, and removes what it leaves on this machine. The cluster learns of it
// as of any lost node: its Node object stays.
func (n *Node) Stop() error {
	n.cluster.Nodes = slices.DeleteFunc(n.cluster.Nodes, func(o *Node) bool { return o == n })
	if n.first == nil {
		return nil
	}
	n.first.cmd.Process.Kill()
	<-n.first.done
	for _, p := range n.processes {
		<-p.done
	}
	return n.cluster.network.unplug(n.number)
}
