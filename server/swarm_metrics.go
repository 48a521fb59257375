package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/server/swarms"
	"teamtask.dev/swarm/census"
)

// standing collects where the swarms stand that are looked after here.
type standing struct{ *holdings[*swarms.Engine] }

func (standing) Describe(ch chan<- *prometheus.Desc) { census.Describe(ch) }

func (s standing) Collect(ch chan<- prometheus.Metric) {
	census.Collect(ch, time.Now(), func(yield func(*v1alpha1.Swarm) bool) {
		for _, e := range s.all() {
			if sw, _, err := e.Swarm(); err == nil && !yield(sw) {
				return
			}
		}
	})
}
