package controller

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm/census"
)

// swarmCensus is the metrics of how the Swarms stand, read from the cache when somebody asks.
type swarmCensus struct{ cache client.Reader }

func (swarmCensus) Describe(ch chan<- *prometheus.Desc) { census.Describe(ch) }

func (c swarmCensus) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var all v1alpha1.SwarmList
	if c.cache.List(ctx, &all, client.UnsafeDisableDeepCopy) != nil {
		return // it has not begun yet
	}
	census.Collect(ch, time.Now(), func(yield func(*v1alpha1.Swarm) bool) {
		for i := range all.Items {
			if !yield(&all.Items[i]) {
				return
			}
		}
	})
}
