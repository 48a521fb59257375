package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/netnstest"
)

// failover measures how long what ran on a node does not answer when its process is killed, and when its machine is lost. Where etcd's leader
// is lost with it, the others have to elect another first, which gives all leases their full time again.
func (b *bench) failover(ctx context.Context) error {
	const name, host, instances = "kept", "kept.example", 6
	if err := b.run(ctx, name, file(name, instances, "ingress: {host: "+host+", port: 8080}")); err != nil {
		return err
	}
	for _, way := range []struct {
		what string
		lose func(*node) error
	}{
		{"kill -9 of a node", func(n *node) error { return n.stop(syscall.SIGKILL) }},
		{"a machine lost", (*node).unplug},
	} {
		for _, leads := range []bool{false, true} {
			var took []time.Duration
			for range b.failures {
				one, err := b.loseOne(ctx, name, host, leads, way.lose)
				if err != nil {
					return err
				}
				took = append(took, one)
			}
			what := way.what + map[bool]string{false: ": until its instances answer elsewhere", true: ", with etcd's leader"}[leads]
			row(what, short(slices.Max(took)), fmt.Sprintf("the lease is %v; to be < 10 s", lease.DefaultTTL))
		}
	}
	return b.end(ctx, name)
}

// loseOne has a node be lost, and brings it back.
func (b *bench) loseOne(ctx context.Context, job, host string, leads bool, lose func(*node) error) (time.Duration, error) {
	n, err := b.someone(ctx, job, leads)
	if err != nil {
		return 0, err
	}
	took, err := b.lose(ctx, n, job, host, lose)
	if err != nil {
		return 0, err
	}
	if err := n.machine.Lose(netnstest.Nothing); err != nil {
		return 0, err
	}
	if err := n.start(); err != nil {
		return 0, err
	}
	if err := n.ready(ctx); err != nil {
		return 0, err
	}
	return took, b.up(ctx, job)
}

// someone is a node that runs instances of a job and has a member of etcd, which leads the others or does not.
func (b *bench) someone(ctx context.Context, job string, leads bool) (n *node, err error) {
	what := fmt.Sprintf("a node whose member leads etcd (%v) has instances of %s", leads, job)
	err = until(ctx, what, func(ctx context.Context) error {
		list, err := b.client().Instances(ctx, job, "")
		if err != nil {
			return err
		}
		for _, n = range b.nodes[:members] {
			is, err := n.leads(ctx)
			if err != nil {
				return err
			}
			if is == leads && slices.ContainsFunc(list, func(in v1.Instance) bool { return in.Node == n.name && in.Healthy }) {
				return nil
			}
		}
		return fmt.Errorf("they are %+v", list)
	})
	return n, err
}

// leads reports whether a node's member of etcd is the leader.
func (n *node) leads(ctx context.Context) (bool, error) {
	pki := filepath.Join(n.data(), "pki")
	shown := transport.TLSInfo{TrustedCAFile: filepath.Join(pki, "ca.crt"), CertFile: filepath.Join(pki, "node.crt"), KeyFile: filepath.Join(pki, "node.key")}
	configuration, err := shown.ClientConfig()
	if err != nil {
		return false, err
	}
	asks := within(n.machine, configuration)
	defer asks.CloseIdleConnections()
	text, err := ask(ctx, asks, http.MethodGet, fmt.Sprintf("https://%s:%d/metrics", n.machine.Address, cluster.DefaultClientPort), "")
	return strings.Contains(text, "\netcd_server_is_leader 1\n"), err
}

// lose has a node be lost, and asks the ingress of the last until each instance that was there has answered from somewhere else.
func (b *bench) lose(ctx context.Context, n *node, job, host string, lose func(*node) error) (time.Duration, error) {
	list, err := b.client().Instances(ctx, job, n.name)
	if err != nil {
		return 0, err
	}
	missing := map[string]bool{}
	for _, in := range list {
		missing[in.Name] = true
	}
	eye := b.nodes[len(b.nodes)-1]
	begun := time.Now()
	if err := lose(n); err != nil {
		return 0, err
	}
	err = until(ctx, job+" answers elsewhere", func(ctx context.Context) error {
		// One that was sent to what is lost may wait for its answer; others do not.
		ctx, done := context.WithTimeout(ctx, 500*time.Millisecond)
		defer done()
		text, err := ask(ctx, eye.inside, http.MethodGet, "http://"+eye.machine.Address.String()+"/", host)
		if err != nil {
			return err
		}
		if who := strings.Fields(text); len(who) > 1 && who[1] != n.name {
			delete(missing, who[0])
		}
		if len(missing) > 0 {
			return fmt.Errorf("%v have not", missing)
		}
		return nil
	})
	return time.Since(begun), err
}
