// Package client is the Go client of a List server.
//
// Working on a list takes a few lines. Work claims blocks, renews their leases while the function runs, reports them, and
// returns when the list is over:
//
//	c := client.New("http://localhost:7070", token)
//	err := c.Work(ctx, "primes", func(ctx context.Context, b *client.Block) error {
//		for i := b.Index; i < b.Index+b.Size; i++ {
//			// item i
//		}
//		return nil
//	}, client.WorkOptions{})
//
// A function that returns nil has done its block; one that returns an error has failed what it did not report as done
// itself with [Block.Done]. The context ends when the block is not the worker's any more.
//
// A worker of a swarm is a member of its pool, and runs what it is told. [Client.Swarm] is where it joins; package member keeps it there:
//
//	err := member.Run(ctx, c.Swarm("streams"), member.Worker{Name: host}, member.Options{}, func(ctx context.Context, part v1alpha1.AssignmentSpec) error {
//		// run what part.Workloads has, and nothing else
//		return nil
//	})
//
// Every call may be repeated: the client does so, with growing pauses, where the server cannot be reached or asks to.
package client
