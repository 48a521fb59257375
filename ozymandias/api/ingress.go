package api

import (
	"slices"
	"strings"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/schedule"
)

// ingressProblems are what keeps requests or connections from a job, on which nodes.
func (v *view) ingressProblems(job string, table routes.Table) (all []v1.IngressProblem) {
	at := map[string]int{}
	for i := range v.Nodes {
		n := &v.Nodes[i]
		for _, p := range n.Report.Ingress {
			if !n.Alive() || !table.Touches(job, p) {
				continue
			}
			if _, told := at[p.Text]; !told {
				at[p.Text] = len(all)
				all = append(all, v1.IngressProblem{Text: p.Text})
			}
			one := &all[at[p.Text]]
			one.Nodes = append(one.Nodes, n.Name)
		}
	}
	slices.SortFunc(all, func(a, b v1.IngressProblem) int { return strings.Compare(a.Text, b.Text) })
	return all
}

// ingressTexts are all of a node's.
func ingressTexts(n *schedule.Node) (all []string) {
	for _, p := range n.Report.Ingress {
		all = append(all, p.Text)
	}
	return all
}
