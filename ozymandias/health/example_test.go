package health_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"

	"teamtask.dev/ozymandias/health"
	"teamtask.dev/ozymandias/job"
)

func ExampleWatch() {
	container := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer container.Close()
	at := netip.MustParseAddrPort(strings.TrimPrefix(container.URL, "http://"))

	j := job.Job{Containers: map[string]job.Container{
		"app": {Healthcheck: &job.Healthcheck{Type: job.HTTP, Port: int(at.Port()), Path: "/healthcheck"}},
	}}.Default()
	ctx, cancel := context.WithCancel(context.Background())
	health.Watch(ctx, *j.Containers["app"].Healthcheck, health.Target{Address: at.Addr()}, func(v health.Verdict) {
		fmt.Println("healthy:", v.Healthy)
		cancel()
	})
	// Output: healthy: true
}
