package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"teamtask.dev/server/swarms"
)

// standing collects where the swarms stand that are looked after here.
type standing struct{ *holdings[*swarms.Engine] }

var (
	swarmWorkersDesc   = prometheus.NewDesc("teamtask_swarm_workers", "Workers in the pool of a swarm.", []string{"swarm"}, nil)
	swarmWorkloadsDesc = prometheus.NewDesc("teamtask_swarm_workloads", "Workloads of a swarm by state.", []string{"swarm", "state"}, nil)
)

func (s standing) Describe(ch chan<- *prometheus.Desc) {
	ch <- swarmWorkersDesc
	ch <- swarmWorkloadsDesc
}

func (s standing) Collect(ch chan<- prometheus.Metric) {
	for _, e := range s.all() {
		sw, _, err := e.Swarm()
		if err != nil {
			continue
		}
		gauge := func(d *prometheus.Desc, n int64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(n), append([]string{sw.Name}, labels...)...)
		}
		gauge(swarmWorkersDesc, int64(sw.Status.Workers))
		gauge(swarmWorkloadsDesc, sw.Status.Moving, "moving")
		gauge(swarmWorkloadsDesc, sw.Status.Waiting, "waiting")
		gauge(swarmWorkloadsDesc, max(0, sw.Status.Workloads-sw.Status.Moving-sw.Status.Waiting), "owned")
	}
}
