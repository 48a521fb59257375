package client_test

import (
	"context"
	"fmt"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

// A job is applied on the node of this machine; that there is no room is told apart from other problems.
func Example() {
	c := client.Local("/run/ozymandias")
	defer c.Close()
	file := "name: web\nnumInstances: 3\ncontainers: {app: {image: web-app-image, memory: 2G}}\n"
	applied, err := c.Apply(context.Background(), "web.yaml", []byte(file), client.Room{})
	switch {
	case client.IsType(err, v1.PlacementInfeasible):
		fmt.Println("no room:", err)
	case err != nil:
		fmt.Println(err)
	default:
		fmt.Println(applied.Jobs[0].Result)
	}
}
