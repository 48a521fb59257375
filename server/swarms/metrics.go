package swarms

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"teamtask.dev/swarm/plan"
)

// Counters count what the engines of a server do.
type Counters struct {
	granted      prometheus.Counter
	revoked      prometheus.Counter
	acknowledged prometheus.Counter
	expired      prometheus.Counter
	decisions    prometheus.Histogram
}

// NewCounters are counters at 0.
func NewCounters() *Counters {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &Counters{
		granted:      counter("teamtask_swarm_grants_total", "Workloads granted to a worker."),
		revoked:      counter("teamtask_swarm_revocations_total", "Workloads taken from a worker that was there."),
		acknowledged: counter("teamtask_swarm_acknowledgements_total", "Versions of their parts that workers said they run."),
		expired:      counter("teamtask_swarm_leases_expired_total", "Workers held to be gone, as their leases ran out."),
		decisions: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "teamtask_swarm_decision_duration_seconds",
			Help: "How long it took to decide, and to make that durable.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15)}),
	}
}

// All are the counters, to be registered.
func (c *Counters) All() []prometheus.Collector {
	return []prometheus.Collector{c.granted, c.revoked, c.acknowledged, c.expired, c.decisions}
}

func (c *Counters) decided(d *plan.Decision, took time.Duration) {
	c.granted.Add(float64(len(d.Granted)))
	c.revoked.Add(float64(len(d.Revoked)))
	if d.Changed {
		c.decisions.Observe(took.Seconds())
	}
}
