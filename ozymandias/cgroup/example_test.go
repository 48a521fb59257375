package cgroup_test

import (
	"fmt"
	"log"
	"time"

	"teamtask.dev/ozymandias/cgroup"
)

// Everything that runs below a group is ended, and is known to have ended.
func Example() {
	group, err := cgroup.Find("ozymandias-example/n1/stop")
	if err != nil {
		log.Fatal(err)
	}
	for {
		if err := group.Kill(); err != nil {
			log.Fatal(err)
		}
		left, err := group.Processes()
		if err != nil {
			log.Fatal(err)
		}
		if len(left) == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond) // what was killed ends a moment later
	}
	fmt.Println("nothing runs")
	// Output: nothing runs
}
