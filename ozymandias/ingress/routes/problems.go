package routes

import (
	"slices"

	"teamtask.dev/ozymandias/schedule"
)

// Touches tells whether a problem of a node's ingress keeps something from a job that the table leads there.
func (t Table) Touches(job string, p schedule.IngressProblem) bool {
	if p.TCP != 0 {
		return t.Ports[p.TCP].Job == job
	}
	for host, site := range t.Hosts {
		about := p.Host == host || p.Scheme == "http" || p.Scheme == "https" && site.TLS != nil
		if about && slices.ContainsFunc(site.Routes, func(r Route) bool { return r.Job == job }) {
			return true
		}
	}
	return false
}
