package main

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// usage is what the API server has done so far.
type usage struct {
	writes float64 // of ours that it has answered with success, also those of events
	reads  float64 // of ours, also watches that have ended
	cpu    float64 // seconds of processor time, for all that it does
}

// sample finds a value in the API server's metrics.
var sample = regexp.MustCompile(`(?m)^(apiserver_request_total|process_cpu_seconds_total)(?:\{(.*?)\})? ([0-9.e+-]+)$`)

func (b *bench) usage(ctx context.Context) (u usage, err error) {
	text, err := b.cluster.Kubectl(ctx, "get", "--raw", "/metrics")
	if err != nil {
		return u, err
	}
	for _, m := range sample.FindAllStringSubmatch(text, -1) {
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			return u, fmt.Errorf("read the API server's metrics: %w", err)
		}
		has := func(label string) bool { return strings.Contains(m[2], label) }
		switch {
		case m[1] == "process_cpu_seconds_total":
			u.cpu = value
		case !has(`group="teamtask.dev"`) && !has(`group="events.k8s.io"`):
		case has(`verb="GET"`), has(`verb="LIST"`), has(`verb="WATCH"`):
			u.reads += value
		case has(`code="20`):
			u.writes += value
		}
	}
	return u, nil
}

// since is what was done after an earlier time.
func (u usage) since(before usage) usage {
	return usage{u.writes - before.writes, u.reads - before.reads, u.cpu - before.cpu}
}
