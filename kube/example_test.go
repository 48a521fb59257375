package kube_test

import (
	"context"
	"fmt"

	"teamtask.dev/kube"
	"teamtask.dev/server"
)

// A tier whose blocks are Block objects: its handler is the REST API of a List server, for workers who need not know of Kubernetes.
func Example() {
	ctx := context.Background()
	config, namespace, err := kube.Access{}.Load()
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := kube.NewClient(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	up := kube.New(kube.Options{Client: c, Namespace: namespace, List: "primes", Worker: "tier-1", Bulk: true})
	defer up.Close(ctx)
	tier, err := server.NewTier(ctx, server.TierOptions{Upstream: up, List: "primes", Name: "tier-1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tier.Close(ctx)
	fmt.Println(tier.Handler() != nil)
}
