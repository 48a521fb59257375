package ingress

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are what a server counts.
type metrics struct{ requests, connections *prometheus.CounterVec }

func newMetrics() metrics {
	return metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ozymandias_ingress_requests_total",
			Help: "Requests let in on this node, by job (empty: nothing is routed there) and by the answer's status code."}, []string{"job", "code"}),
		connections: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "ozymandias_ingress_connections_total",
			Help: "TCP connections let in on this node, by job and whether an instance could be reached: passed or refused."}, []string{"job", "result"}),
	}
}

func (m metrics) request(job string, code int) {
	m.requests.WithLabelValues(job, strconv.Itoa(code)).Inc()
}

func (m metrics) connection(job string, passed bool) {
	result := "refused"
	if passed {
		result = "passed"
	}
	m.connections.WithLabelValues(job, result).Inc()
}

// forget drops the series of jobs that have no routes any more, or they would be kept for ever.
func (m metrics) forget(before, now map[string]bool) {
	for job := range before {
		if !now[job] {
			m.requests.DeletePartialMatch(prometheus.Labels{"job": job})
			m.connections.DeletePartialMatch(prometheus.Labels{"job": job})
		}
	}
}

// Describe and Collect make the server a [prometheus.Collector].
func (s *Server) Describe(ch chan<- *prometheus.Desc) {
	s.metrics.requests.Describe(ch)
	s.metrics.connections.Describe(ch)
}

// Collect is the other half of Describe.
func (s *Server) Collect(ch chan<- prometheus.Metric) {
	s.metrics.requests.Collect(ch)
	s.metrics.connections.Collect(ch)
}
