package controller

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// swarmCensus is the metrics of how the Swarms stand, read from the cache when somebody asks.
type swarmCensus struct{ cache client.Reader }

var (
	swarmsDesc       = prometheus.NewDesc("teamtask_swarms", "Swarms by where they stand.", []string{"phase"}, nil)
	swarmWorkersDesc = prometheus.NewDesc("teamtask_swarm_workers", "Workers of all Swarms.", nil, nil)
	workloadsDesc    = prometheus.NewDesc("teamtask_workloads", "Workloads of all Swarms by what has become of them.", []string{"state"}, nil)
	unconvergedDesc  = prometheus.NewDesc("teamtask_swarm_unconverged_seconds", "For how long workers have not all run what they are to run, of those Swarms where they do not.",
		[]string{"namespace", "swarm"}, nil)
)

func (swarmCensus) Describe(ch chan<- *prometheus.Desc) {
	ch <- swarmsDesc
	ch <- swarmWorkersDesc
	ch <- workloadsDesc
	ch <- unconvergedDesc
}

func (c swarmCensus) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var all v1alpha1.SwarmList
	if c.cache.List(ctx, &all, client.UnsafeDisableDeepCopy) != nil {
		return // it has not begun yet
	}
	phases := map[string]float64{}
	var workers, workloads, moving, waiting float64
	for i := range all.Items {
		swarm := &all.Items[i]
		s := &swarm.Status
		phases[s.Phase()]++
		workers += float64(s.Workers)
		workloads += float64(s.Workloads)
		moving += float64(s.Moving)
		waiting += float64(s.Waiting)
		if now := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionConverged); now != nil && now.Status != metav1.ConditionTrue && !swarm.Spec.Suspend {
			since := now.LastTransitionTime.Time
			if since.Before(swarm.CreationTimestamp.Time) { // as it was made
				since = swarm.CreationTimestamp.Time
			}
			ch <- prometheus.MustNewConstMetric(unconvergedDesc, prometheus.GaugeValue, time.Since(since).Seconds(), swarm.Namespace, swarm.Name)
		}
	}
	for phase, n := range phases {
		ch <- prometheus.MustNewConstMetric(swarmsDesc, prometheus.GaugeValue, n, phase)
	}
	ch <- prometheus.MustNewConstMetric(swarmWorkersDesc, prometheus.GaugeValue, workers)
	for state, n := range map[string]float64{"moving": moving, "waiting": waiting, "owned": max(0, workloads-moving-waiting)} {
		ch <- prometheus.MustNewConstMetric(workloadsDesc, prometheus.GaugeValue, n, state)
	}
}
