package cluster_test

import (
	"context"
	"fmt"
	"log"

	"teamtask.dev/test/cluster"
)

// A cluster with two nodes runs a pod of an image that is built here.
func Example() {
	ctx := context.Background()
	c, err := cluster.Options{Dir: "/tmp/my-cluster", Nodes: 2}.Start(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Stop()
	if err := c.BuildImage(ctx, "teamtask.dev/primes:dev", "Containerfile", "bin"); err != nil {
		log.Print(err)
		return
	}
	out, err := c.Kubectl(ctx, "run", "primes", "--image", "teamtask.dev/primes:dev", "--image-pull-policy", "Never")
	fmt.Println(out, err)
}
