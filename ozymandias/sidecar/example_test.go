package sidecar_test

import (
	"fmt"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/sidecar"
)

func ExampleExpand() {
	web := job.Job{Name: "web", Sidecars: []string{"envoy"}, Containers: map[string]job.Container{"app": {Image: "web-app-image"}}}
	shop := job.Job{Name: "shop", Ingress: job.Ingresses{{Host: "shop.example", Port: 80}}, Containers: map[string]job.Container{"app": {Image: "shop-image"}}}
	j, faults := sidecar.Expand(web, []job.Job{shop})
	order, err := j.Order()
	fmt.Println(faults, order, err)
	// Output: [] [envoy app] <nil>
}
