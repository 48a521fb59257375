package api_test

import (
	"fmt"
	"testing"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

// No job gets a port at which nodes listen for each other. One that was stored with such a port is still listed, scaled and applied with another one.
func TestReservedPorts(t *testing.T) {
	stage := apitest.New(t)
	_, c := stage.Serve(stage.Options())
	stage.Node("n1", "127.0.0.3", 4e9)
	file := func(port int) []byte {
		return fmt.Appendf(nil, "name: web\ningress: {tcp: %d, port: 80}\ncontainers: {app: {image: x}}", port)
	}
	for _, port := range []int{api.DefaultPort, cluster.DefaultClientPort, cluster.DefaultPeerPort} {
		_, err := c.Apply(t.Context(), "web.yaml", file(port), client.Room{})
		refused(t, err, v1.BadJobFile, fmt.Sprintf("web.yaml:2:16: ingress[0].tcp: port %d is ", port), "on every node: write another one")
	}

	one := 1
	stored := job.Job{Name: "web", NumInstances: &one, Ingress: job.Ingresses{{TCP: api.DefaultPort, Container: "app", Port: 80}}, Containers: map[string]job.Container{"app": {Image: "x"}}}.Default()
	version, _, err := stage.Scheduler.Apply(t.Context(), func(now schedule.State) (schedule.State, error) { return now.Put("0", stored), nil })
	if err != nil {
		t.Fatal(err)
	}
	if err := stage.Mirror.Wait(t.Context(), version); err != nil {
		t.Fatal(err)
	}
	stage.Settle()
	if _, err := c.Scale(t.Context(), "web", 2, client.Room{}); err != nil {
		t.Error(err)
	}
	stage.Settle()
	if web, err := c.Job(t.Context(), "web"); err != nil || len(web.Instances) != 2 {
		t.Errorf("it is %+v, %v", web, err)
	}
	if _, err := c.Apply(t.Context(), "web.yaml", file(7800), client.Room{}); err != nil {
		t.Error(err)
	}
}
