package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"time"

	"teamtask.dev/ozymandias/netnstest"
)

// failover measures how long what ran on a node does not answer when its process is killed, and when its machine is lost.
func (b *bench) failover(ctx context.Context) error {
	const name, host, instances = "kept", "kept.example", 6
	const beside = "the lease is 8 s; to be < 10 s"
	if err := b.run(ctx, name, file(name, instances, "ingress: {host: "+host+", port: 8080}")); err != nil {
		return err
	}
	for _, way := range []struct {
		what string
		lose func(*node) error
	}{
		{"kill -9 of a node: until its instances answer elsewhere", func(n *node) error { return n.stop(syscall.SIGKILL) }},
		{"a machine lost: until its instances answer elsewhere", (*node).unplug},
	} {
		var took []time.Duration
		for range b.failures {
			n, err := b.someone(ctx, name)
			if err != nil {
				return err
			}
			one, err := b.lose(ctx, n, name, host, way.lose)
			if err != nil {
				return err
			}
			took = append(took, one)
			if err := n.machine.Lose(netnstest.Nothing); err != nil {
				return err
			}
			if err := n.start(); err != nil {
				return err
			}
			if err := n.ready(ctx); err != nil {
				return err
			}
			if err := b.up(ctx, name); err != nil {
				return err
			}
		}
		row(way.what, short(slices.Max(took)), beside)
	}
	return b.end(ctx, name)
}

// someone is a node that runs instances of a job, other than the first.
func (b *bench) someone(ctx context.Context, job string) (n *node, err error) {
	err = until(ctx, "a node but the first has instances of "+job, func(ctx context.Context) error {
		list, err := b.client().Instances(ctx, job, "")
		if err != nil {
			return err
		}
		for _, in := range list {
			i := slices.IndexFunc(b.nodes, func(n *node) bool { return n.name == in.Node })
			if in.Healthy && i > 0 {
				n = b.nodes[i]
				return nil
			}
		}
		return fmt.Errorf("they are %+v", list)
	})
	return n, err
}

// lose has a node be lost, and asks the ingress of the first until each instance that was there has answered from somewhere else.
func (b *bench) lose(ctx context.Context, n *node, job, host string, lose func(*node) error) (time.Duration, error) {
	list, err := b.client().Instances(ctx, job, n.name)
	if err != nil {
		return 0, err
	}
	missing := map[string]bool{}
	for _, in := range list {
		missing[in.Name] = true
	}
	begun := time.Now()
	if err := lose(n); err != nil {
		return 0, err
	}
	err = until(ctx, job+" answers elsewhere", func(ctx context.Context) error {
		text, err := ask(ctx, b.nodes[0].inside, http.MethodGet, "http://"+b.nodes[0].machine.Address.String()+"/", host)
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
