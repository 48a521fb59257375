package watchdog_test

import (
	"context"
	"log"
	"os"
	"os/exec"
	"time"

	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/watchdog"
	"teamtask.dev/uptime"
)

// A program is the watchdog if it is started as such, and otherwise the node that starts one.
func Example() {
	const socket = "/run/ozymandias/watchdog.sock"
	ctx := context.Background()
	if len(os.Args) == 3 && os.Args[1] == "watchdog" {
		until, err := time.ParseDuration(os.Args[2])
		if err != nil {
			log.Fatal(err)
		}
		group, err := cgroup.Find("ozymandias/n1/stop")
		if err != nil {
			log.Fatal(err)
		}
		if err := watchdog.Guard(ctx, socket, group, until); err != nil {
			log.Fatal(err)
		}
		return
	}
	dog, err := watchdog.Attach(ctx, socket, 0, func(until time.Duration) *exec.Cmd {
		return exec.Command("/proc/self/exe", "watchdog", until.String())
	})
	if err != nil {
		log.Fatal(err)
	}
	go dog.Run(ctx, func(_ time.Duration, err error) {
		if err != nil {
			log.Print(err) // end everything if this goes on until the time has almost come
		}
	})
	dog.Tell(uptime.Now() + 7*time.Second) // and a later time each second
}
