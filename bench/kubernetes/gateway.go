package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"teamtask.dev/client"
	"teamtask.dev/load"
)

// throughGateway has workers take blocks from `teamtask serve --kubernetes`, as fast as it goes.
func (b *bench) throughGateway(ctx context.Context) error {
	const items, workers = 9e15, 64
	if err := b.list(ctx, "through-gateway", items, blockSize); err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	server, err := b.start(ctx, asGateway, "teamtask", "serve", "--kubernetes", "--listen", address)
	if err != nil {
		return err
	}
	defer server.stop()
	for _, args := range [][]string{{"create", "serviceaccount", "bench"},
		{"create", "role", "bench", "--verb=get,work", "--resource=worklists.teamtask.dev"},
		{"create", "rolebinding", "bench", "--role=bench", "--serviceaccount=" + namespace + ":bench"}} {
		if _, err := b.cluster.Kubectl(ctx, args...); err != nil {
			return err
		}
	}
	token, err := b.cluster.Kubectl(ctx, "create", "token", "bench")
	if err != nil {
		return err
	}
	c := client.New("http://"+address, strings.TrimSpace(token))
	defer c.Close()
	c.HTTP.Transport.(*http.Transport).MaxIdleConnsPerHost = workers
	before, err := b.usage(ctx)
	if err != nil {
		return err
	}
	cpu := server.cpu()
	r, err := load.Run(ctx, c, load.Options{List: "through-gateway", Exists: true, Items: items, BlockSize: blockSize, Workers: workers, Batch: 32, Limit: b.limit})
	if err != nil {
		return err
	}
	after, err := b.usage(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%d workers, blocks of %d items, through the gateway:\n", workers, blockSize)
	row("  items", r.ItemsPerSecond, "items/s", ">", 20e6)
	row("  writes to the API server", after.since(before).writes/r.Seconds, "writes/s", "<", 25)
	row("  writes for a million items", after.since(before).writes/float64(r.Items)*1e6, "writes", "", 0)
	row("  gateway, for a million items", (server.cpu()-cpu)/float64(r.Items)*1e6, "CPU s", "", 0)
	return nil
}

// freeAddress is one that nobody listens on just now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
