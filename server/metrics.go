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
}

func newMetrics(l lists) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(),
		created: prometheus.NewCounter(prometheus.CounterOpts{Name: "teamtask_worklists_created_total", Help: "Worklists created by this server."})}
	m.registry.MustRegister(m.created, ledgers{l},
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
func (s *Server) keepers() (out []*keeper) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.lists {
		if k := x.keeper.Load(); k != nil {
			out = append(out, k)
		}
	}
	return out
}
