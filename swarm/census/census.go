package census

import (
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

var (
	swarmsDesc      = prometheus.NewDesc("teamtask_swarms", "Swarms by where they stand.", []string{"phase"}, nil)
	workersDesc     = prometheus.NewDesc("teamtask_swarm_workers", "Workers in the pool of a Swarm.", []string{"namespace", "swarm"}, nil)
	workloadsDesc   = prometheus.NewDesc("teamtask_swarm_workloads", "Workloads of a Swarm by what has become of them: owned, moving or waiting.", []string{"namespace", "swarm", "state"}, nil)
	unconvergedDesc = prometheus.NewDesc("teamtask_swarm_unconverged_seconds",
		"For how long the workers of a Swarm have not all run what they are to run; 0: they do, or the Swarm is suspended.", []string{"namespace", "swarm"}, nil)
)

// Describe sends what Collect collects, as a prometheus.Collector does.
func Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{swarmsDesc, workersDesc, workloadsDesc, unconvergedDesc} {
		ch <- d
	}
}

// Collect sends the metrics of all Swarms that are known in one place.
func Collect(ch chan<- prometheus.Metric, now time.Time, all iter.Seq[*v1alpha1.Swarm]) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	phases := map[string]float64{}
	for sw := range all {
		s := &sw.Status
		phases[s.Phase()]++
		gauge(workersDesc, float64(s.Workers), sw.Namespace, sw.Name)
		gauge(workloadsDesc, float64(s.Moving), sw.Namespace, sw.Name, "moving")
		gauge(workloadsDesc, float64(s.Waiting), sw.Namespace, sw.Name, "waiting")
		gauge(workloadsDesc, float64(max(0, s.Workloads-s.Moving-s.Waiting)), sw.Namespace, sw.Name, "owned")
		gauge(unconvergedDesc, unconverged(sw, now).Seconds(), sw.Namespace, sw.Name)
	}
	for phase, n := range phases {
		gauge(swarmsDesc, n, phase)
	}
}

// unconverged is for how long workers have not all run what they are to run.
func unconverged(sw *v1alpha1.Swarm, now time.Time) time.Duration {
	c := meta.FindStatusCondition(sw.Status.Conditions, v1alpha1.ConditionConverged)
	if c == nil || c.Status == metav1.ConditionTrue || sw.Spec.Suspend {
		return 0
	}
	since := c.LastTransitionTime.Time
	if since.Before(sw.CreationTimestamp.Time) { // as the API server made it, of 1970
		since = sw.CreationTimestamp.Time
	}
	return max(0, now.Sub(since))
}
