package member_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/member"
)

// consume consumes a stream until ctx ends. It hands the epoch to whatever it writes to, which refuses lower ones than it has seen.
func consume(ctx context.Context, stream string, epoch int64) {
	fmt.Println("consuming", stream, epoch)
	<-ctx.Done()
}

// A program that consumes, in a goroutine each, the streams that it is granted by a List server.
func ExampleRun() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c := client.New("http://localhost:7070", os.Getenv("TEAMTASK_TOKEN"))
	defer c.Close()

	type consumer struct {
		stop context.CancelFunc
		done sync.WaitGroup
	}
	running := map[v1alpha1.Grant]*consumer{} // of one workload with another epoch it is another
	apply := func(ctx context.Context, part v1alpha1.AssignmentSpec) error {
		wanted := map[v1alpha1.Grant]bool{}
		for _, grant := range part.Workloads {
			wanted[grant] = true
		}
		for grant, x := range running {
			if !wanted[grant] {
				x.stop()
			}
		}
		for grant, x := range running {
			if !wanted[grant] {
				x.done.Wait() // to return is to say that it does not run any more
				delete(running, grant)
			}
		}
		for grant := range wanted {
			if running[grant] == nil {
				ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
				x := &consumer{stop: stop}
				x.done.Go(func() { consume(ctx, grant.Name, grant.Epoch) })
				running[grant] = x
			}
		}
		return nil
	}
	host, _ := os.Hostname()
	err := member.Run(ctx, c.Swarm("streams"), member.Worker{Name: host, Labels: map[string]string{"zone": "a"}}, member.Options{}, apply)
	fmt.Println(err)
}
