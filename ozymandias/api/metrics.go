package api

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"teamtask.dev/ozymandias/api/v1"
)

// metrics are what a node tells of the cluster. Every node tells the same of it, from its own copy of the state.
func (a *API) metrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{a}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	r.MustRegister(a.Collectors...)
	return r
}

var (
	decisionsDesc = prometheus.NewDesc("ozymandias_decisions_total", "Decisions that were taken, by whichever node.", nil, nil)
	readableDesc  = prometheus.NewDesc("ozymandias_state_readable", "1 if all records in etcd can be read; 0: nothing can be decided.", nil, nil)
	nodeDesc      = prometheus.NewDesc("ozymandias_node_phase", "1 for the phase that a node is in.", []string{"node", "phase"}, nil)
	loadDesc      = prometheus.NewDesc("ozymandias_node_load", "Load average over processors, smoothed.", []string{"node"}, nil)
	capacityDesc  = prometheus.NewDesc("ozymandias_node_capacity", "What a node has for instances: bytes, or processors.", []string{"node", "resource"}, nil)
	plannedDesc   = prometheus.NewDesc("ozymandias_node_planned", "What is planned there: bytes, or processors.", []string{"node", "resource"}, nil)
	wantedDesc    = prometheus.NewDesc("ozymandias_job_instances_wanted", "Instances that a job is to have.", []string{"job"}, nil)
	healthyDesc   = prometheus.NewDesc("ozymandias_job_instances_healthy", "Instances of a job that are healthy.", []string{"job"}, nil)
	waitingDesc   = prometheus.NewDesc("ozymandias_job_instances_waiting", "Instances of a job without the place that they are to have.", []string{"job"}, nil)
	revisionDesc  = prometheus.NewDesc("ozymandias_job_revision", "Which revision of a job is wanted.", []string{"job"}, nil)
	restartsDesc  = prometheus.NewDesc("ozymandias_instance_restarts", "How often an instance was restarted where it is.", []string{"instance", "node"}, nil)
)

// collector reads the metrics off the state.
type collector struct{ *API }

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{decisionsDesc, readableDesc, nodeDesc, loadDesc, capacityDesc, plannedDesc, wantedDesc, healthyDesc, waitingDesc, revisionDesc, restartsDesc} {
		ch <- d
	}
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	readable := 1.0
	if _, basis, _ := c.Mirror.State(); basis.Err() != nil {
		readable = 0
	}
	gauge(readableDesc, readable)
	v, err := c.view()
	if err != nil {
		return // readable says so
	}
	ch <- prometheus.MustNewConstMetric(decisionsDesc, prometheus.CounterValue, float64(v.Version))
	for i := range v.Nodes {
		n := v.tell(&v.Nodes[i])
		gauge(nodeDesc, 1, n.Name, string(n.Phase))
		gauge(loadDesc, n.Load, n.Name)
		for _, of := range []struct {
			desc *prometheus.Desc
			has  v1.Resources
		}{{capacityDesc, n.Capacity}, {plannedDesc, n.Planned}} {
			gauge(of.desc, float64(of.has.Memory), n.Name, "memory")
			gauge(of.desc, float64(of.has.Disk), n.Name, "disk")
			gauge(of.desc, float64(of.has.CPUs)/1000, n.Name, "cpu")
		}
	}
	for i := range v.Jobs {
		if v.Jobs[i].Deleted {
			continue // another may have its name
		}
		j := v.job(&v.Jobs[i])
		gauge(wantedDesc, float64(j.Status.Wanted), j.Name)
		gauge(healthyDesc, float64(j.Status.Healthy), j.Name)
		gauge(waitingDesc, float64(len(j.Status.Waits)), j.Name)
		gauge(revisionDesc, float64(j.Revision), j.Name)
	}
	for _, in := range v.instances {
		if in.Node != "" && !in.Leaving {
			gauge(restartsDesc, float64(in.Restarts), in.Name, in.Node)
		}
	}
}
