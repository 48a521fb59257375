package schedule

import "time"

// patience is for how long instances wait for nodes that were lost together. It is about what a machine takes to start.
const patience = 30 * time.Second

// await decides for which nodes to wait. What ran on one that is lost is placed elsewhere at once, as a rule. But if most are lost at the same
// time, and more than one, it is hardly they that have failed: etcd was out of reach, or the power was out, and they will be back in
// moments. Then the first one to come back would be given everything, more than it can carry, and what the others have on their disks
// would be given up.
//
// Whoever decides first in such a case writes into the plans of those that are lost that they are awaited, which holds also when others are
// back and they are most no more.
func (d *decider) await() {
	d.awaited = map[string]bool{}
	had, lost := 0, 0
	var away time.Duration
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if len(n.Plan.Instances) == 0 {
			continue
		}
		had++
		if !n.Current() { // those that are back count, too, until they have a new plan
			lost++
		}
		away = max(away, n.Away)
	}
	if away >= patience {
		return
	}
	for i := range d.Nodes {
		n := &d.Nodes[i]
		if len(n.Plan.Instances) > 0 && !n.Alive() && (n.Plan.Awaited || lost > 1 && 2*lost > had) {
			d.awaited[n.Name] = true
			d.again(d.now.Add(patience - away))
		}
	}
}
