package controller

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// listCensus is the metrics of how the Worklists stand, read from the cache when somebody asks.
type listCensus struct{ cache client.Reader }

var (
	listsDesc  = prometheus.NewDesc("teamtask_worklists", "Worklists by where they stand.", []string{"phase"}, nil)
	itemsDesc  = prometheus.NewDesc("teamtask_items", "Items of all Worklists that are not over by what has become of them.", []string{"state"}, nil)
	blocksDesc = prometheus.NewDesc("teamtask_blocks_out", "Blocks that are out.", nil, nil)
)

func (listCensus) Describe(ch chan<- *prometheus.Desc) {
	ch <- listsDesc
	ch <- itemsDesc
	ch <- blocksDesc
}

func (c listCensus) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var all v1alpha1.WorklistList
	if c.cache.List(ctx, &all, client.UnsafeDisableDeepCopy) != nil {
		return // it has not begun yet
	}
	phases := map[v1alpha1.Phase]float64{}
	items := map[string]float64{}
	blocks := 0.0
	for i := range all.Items {
		s := &all.Items[i].Status
		phase := s.Phase()
		if phase == "" {
			phase = "New"
		}
		phases[phase]++
		if phase.Over() {
			continue
		}
		items["done"] += float64(s.Done)
		items["failed"] += float64(s.Failed)
		items["leased"] += float64(s.Leased)
		items["waiting"] += float64(s.Waiting)
		items["fresh"] += float64(s.Size - s.Next)
		blocks += float64(s.BlocksOut)
	}
	for phase, n := range phases {
		ch <- prometheus.MustNewConstMetric(listsDesc, prometheus.GaugeValue, n, string(phase))
	}
	for state, n := range items {
		ch <- prometheus.MustNewConstMetric(itemsDesc, prometheus.GaugeValue, n, state)
	}
	ch <- prometheus.MustNewConstMetric(blocksDesc, prometheus.GaugeValue, blocks)
}
