package census_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm/census"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

type all []*v1alpha1.Swarm

func (all) Describe(ch chan<- *prometheus.Desc)   { census.Describe(ch) }
func (a all) Collect(ch chan<- prometheus.Metric) { census.Collect(ch, now, slices.Values(a)) }

// The names and labels are what dashboards and alerts go by, on List servers and in Kubernetes alike.
func TestNamesAndLabels(t *testing.T) {
	swarm := func(namespace, name string, suspend bool, state metav1.ConditionStatus, reason string, since time.Time, s v1alpha1.SwarmStatus) *v1alpha1.Swarm {
		s.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionConverged, Status: state, Reason: reason, LastTransitionTime: metav1.NewTime(since)}}
		return &v1alpha1.Swarm{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))},
			Spec: v1alpha1.SwarmSpec{Suspend: suspend}, Status: s}
	}
	shown := all{
		swarm("video", "streams", false, metav1.ConditionFalse, v1alpha1.SwarmMoving, now.Add(-90*time.Second), v1alpha1.SwarmStatus{Workers: 3, Workloads: 10, Moving: 2, Waiting: 1}),
		swarm("video", "new", false, metav1.ConditionFalse, "New", time.Unix(0, 0), v1alpha1.SwarmStatus{}),
		swarm("", "on-a-list-server", false, metav1.ConditionTrue, v1alpha1.SwarmConverged, now.Add(-time.Minute), v1alpha1.SwarmStatus{Workers: 1, Workloads: 4}),
		swarm("video", "paused", true, metav1.ConditionFalse, v1alpha1.SwarmSuspended, now.Add(-time.Minute), v1alpha1.SwarmStatus{}),
	}
	const want = `# HELP teamtask_swarm_unconverged_seconds For how long the workers of a Swarm have not all run what they are to run; 0: they do, or the Swarm is suspended.
# TYPE teamtask_swarm_unconverged_seconds gauge
teamtask_swarm_unconverged_seconds{namespace="",swarm="on-a-list-server"} 0
teamtask_swarm_unconverged_seconds{namespace="video",swarm="new"} 3600
teamtask_swarm_unconverged_seconds{namespace="video",swarm="paused"} 0
teamtask_swarm_unconverged_seconds{namespace="video",swarm="streams"} 90
# HELP teamtask_swarm_workers Workers in the pool of a Swarm.
# TYPE teamtask_swarm_workers gauge
teamtask_swarm_workers{namespace="",swarm="on-a-list-server"} 1
teamtask_swarm_workers{namespace="video",swarm="new"} 0
teamtask_swarm_workers{namespace="video",swarm="paused"} 0
teamtask_swarm_workers{namespace="video",swarm="streams"} 3
# HELP teamtask_swarm_workloads Workloads of a Swarm by what has become of them: owned, moving or waiting.
# TYPE teamtask_swarm_workloads gauge
teamtask_swarm_workloads{namespace="",state="moving",swarm="on-a-list-server"} 0
teamtask_swarm_workloads{namespace="",state="owned",swarm="on-a-list-server"} 4
teamtask_swarm_workloads{namespace="",state="waiting",swarm="on-a-list-server"} 0
teamtask_swarm_workloads{namespace="video",state="moving",swarm="new"} 0
teamtask_swarm_workloads{namespace="video",state="moving",swarm="paused"} 0
teamtask_swarm_workloads{namespace="video",state="moving",swarm="streams"} 2
teamtask_swarm_workloads{namespace="video",state="owned",swarm="new"} 0
teamtask_swarm_workloads{namespace="video",state="owned",swarm="paused"} 0
teamtask_swarm_workloads{namespace="video",state="owned",swarm="streams"} 7
teamtask_swarm_workloads{namespace="video",state="waiting",swarm="new"} 0
teamtask_swarm_workloads{namespace="video",state="waiting",swarm="paused"} 0
teamtask_swarm_workloads{namespace="video",state="waiting",swarm="streams"} 1
# HELP teamtask_swarms Swarms by where they stand.
# TYPE teamtask_swarms gauge
teamtask_swarms{phase="Converged"} 1
teamtask_swarms{phase="Moving"} 1
teamtask_swarms{phase="New"} 1
teamtask_swarms{phase="Suspended"} 1
`
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(shown)
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	got := answer.Body.String()
	if got != want {
		t.Errorf("shown is\n%s", got)
	}
	if problems, err := promlint.New(strings.NewReader(got)).Lint(); err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}
