package client_test

import (
	"context"
	"fmt"

	"teamtask.dev/client"
	"teamtask.dev/worklist"
)

// check is what is to be done for the items of a block.
func check(_ context.Context, index, size int64) error {
	fmt.Println("items", index, "to", index+size-1)
	return nil
}

// A worker in a few lines.
func ExampleClient_Work() {
	_, c := newWire(12, worklist.Policy{Blocks: worklist.BlockPolicy{Size: 4}}) // takes the place of client.New("http://...", token)
	ctx := context.Background()

	err := c.Work(ctx, "primes", func(ctx context.Context, b *client.Block) error {
		return check(ctx, b.Index, b.Size)
	}, client.WorkOptions{})
	fmt.Println("error:", err)
	// Output:
	// items 0 to 3
	// items 4 to 7
	// items 8 to 11
	// error: <nil>
}
