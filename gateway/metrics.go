package gateway

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// metrics are the gateway's, and its process's.
type metrics struct {
	registry *prometheus.Registry
	writes   prometheus.Counter
	calls    *prometheus.CounterVec
	inFlight prometheus.Gauge
}

// newMetrics are metrics of a gateway that shares out so many lists.
func newMetrics(lists func() int) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(),
		writes:   prometheus.NewCounter(prometheus.CounterOpts{Name: "teamtask_gateway_writes_total", Help: "Writes to the API server."}),
		calls:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "teamtask_gateway_calls_total", Help: "Calls by status code."}, []string{"code"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "teamtask_gateway_calls_in_flight", Help: "Calls about worklists under way; most wait for a block."})}
	m.registry.MustRegister(m.writes, m.calls, m.inFlight, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "teamtask_gateway_worklists", Help: "Worklists that are being shared out."},
			func() float64 { return float64(lists()) }))
	return m
}

// counted counts calls by how they were answered.
func (m *metrics) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(s, r)
		m.calls.WithLabelValues(strconv.Itoa(s.status)).Inc()
	})
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what is beneath: events are flushed one by one.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
