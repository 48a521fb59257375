// Package client asks a node of Ozymandias by its REST API (package api), over its Unix socket or from another machine.
//
//	c := client.Local("/run/ozymandias")
//	defer c.Close()
//	applied, err := c.Apply(ctx, "webapp.yaml", file, client.Room{})
//
// Whatever the node refuses is a [v1.Problem], with a type to decide on.
package client
