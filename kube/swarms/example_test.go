package swarms_test

import (
	"context"
	"fmt"
	"os"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/kube"
	"teamtask.dev/kube/swarms"
	"teamtask.dev/member"
)

// A pod that follows its Assignment.
func Example() {
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
	door := &swarms.Door{Client: c, Namespace: namespace, Swarm: "streams"}
	err = member.Run(context.Background(), door, member.Worker{Name: os.Getenv("POD_NAME")}, member.Options{},
		func(ctx context.Context, part v1alpha1.AssignmentSpec) error {
			fmt.Println(part.Worker, "runs", part.Workloads)
			return nil
		})
	fmt.Println(err)
}
