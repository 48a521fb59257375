package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"teamtask.dev/worklist"
)

// metrics are what a running server counts. What can be read off the ledgers is read when scraped.
type metrics struct {
	registry *prometheus.Registry
	created  prometheus.Counter
	counters
}

// counters count what keepers do.
type counters struct {
	commits prometheus.Histogram
	leases  prometheus.Counter
	reports *prometheus.CounterVec // by status
}

func newCounters() counters {
	return counters{
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "teamtask_commit_duration_seconds",
			Help: "How long it took to make a batch of news durable: in the store, or for a tier at its upstream.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 15)}),
		leases: prometheus.NewCounter(prometheus.CounterOpts{Name: "teamtask_leases_total", Help: "Blocks handed out."}),
		reports: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "teamtask_reports_total",
			Help: "Reports on blocks by what became of them: accepted, duplicate, fenced, over or invalid."}, []string{"status"}),
	}
}

func newMetrics(l lists) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), counters: newCounters(),
		created: prometheus.NewCounter(prometheus.CounterOpts{Name: "teamtask_worklists_created_total", Help: "Worklists created by this server."})}
	m.registry.MustRegister(m.created, m.commits, m.leases, m.reports, ledgers{l},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ledgers collects the state of the lists that are kept here.
type ledgers struct{ lists }

var (
	itemsDesc   = prometheus.NewDesc("teamtask_worklist_items", "Items of a worklist by state.", []string{"worklist", "state"}, nil)
	blocksDesc  = prometheus.NewDesc("teamtask_worklist_blocks_out", "Blocks that workers hold.", []string{"worklist"}, nil)
	workersDesc = prometheus.NewDesc("teamtask_worklist_workers", "Workers that hold blocks.", []string{"worklist"}, nil)
	recordDesc  = prometheus.NewDesc("teamtask_worklist_record_bytes", "What the record takes in the store.", []string{"worklist"}, nil)
	rateDesc    = prometheus.NewDesc("teamtask_worklist_items_per_second", "Items done per second, lately.", []string{"worklist"}, nil)
)

func (l ledgers) Describe(ch chan<- *prometheus.Desc) {
	ch <- itemsDesc
	ch <- blocksDesc
	ch <- workersDesc
	ch <- rateDesc
	ch <- recordDesc
}

func (l ledgers) Collect(ch chan<- prometheus.Metric) {
	for _, k := range l.keepers() {
		var st worklist.Status
		if k.read(func(now time.Time) { st = k.ledger.Status(now) }) != nil {
			continue
		}
		gauge := func(d *prometheus.Desc, v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, append([]string{k.name}, labels...)...)
		}
		gauge(itemsDesc, float64(st.Done), "done")
		gauge(itemsDesc, float64(st.Failed), "failed")
		gauge(itemsDesc, float64(st.Leased), "leased")
		gauge(itemsDesc, float64(st.Waiting), "waiting")
		gauge(itemsDesc, float64(st.Fresh), "fresh")
		gauge(blocksDesc, float64(st.Blocks))
		gauge(workersDesc, float64(st.Workers))
		gauge(rateDesc, st.Speed)
		gauge(recordDesc, float64(k.recordBytes.Load()))
	}
}

// keepers are the keepers of all lists this server owns now.
func (s *Server) keepers() []*keeper { return s.lists.all() }
