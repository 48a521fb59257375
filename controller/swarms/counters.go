package swarms

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	grantsTotal  = prometheus.NewCounter(prometheus.CounterOpts{Name: "teamtask_swarm_grants_total", Help: "Workloads granted to a worker."})
	revokedTotal = prometheus.NewCounter(prometheus.CounterOpts{Name: "teamtask_swarm_revocations_total", Help: "Workloads taken from a worker that was there."})
)

func init() { metrics.Registry.MustRegister(grantsTotal, revokedTotal) }
