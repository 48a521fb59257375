package lease_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/watchdog"
)

// A node keeps its lease, has a watchdog wait as long as that lasts, and starts anew when it is lost.
func Example() {
	var (
		ctx    context.Context
		client *clientv3.Client
		dog    *watchdog.Dog
	)
	run := func() error {
		l, err := lease.Grant(ctx, client, lease.DefaultTTL)
		if err != nil {
			return err
		}
		err = l.Keep(ctx, func() { dog.Tell(l.Deadline()) }, func(stage lease.Stage) {
			switch stage {
			case lease.Held:
				fmt.Println("run what the plan says")
			case lease.Stop:
				fmt.Println("ask everything to stop")
			case lease.Kill, lease.Gone:
				fmt.Println("end what has not, by force")
			}
		})
		if errors.Is(err, lease.ErrGone) {
			return l.End(ctx) // once nothing runs any more
		}
		return err
	}
	for ctx.Err() == nil {
		if err := run(); err != nil {
			log.Print(err)
		}
	}
}
