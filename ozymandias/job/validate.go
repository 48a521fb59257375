package job

import (
	"fmt"
	"slices"
	"strings"
)

// Limits that keep sums from overflowing and names within what DNS and podman take.
const (
	maxInstances  = 10_000
	maxContainers = 50
	maxEach       = 50               // volumes, ports, secrets of a container; ingresses of a job
	maxTotal      = 500 * Size(1e12) // memory, local and shared space of one instance: ten thousand times it is still a Size
	minMemory     = Size(4 << 20)
	minSpace      = Size(1e6)
)

// Validate says everything that is wrong with a job that went through [Job.Default], in the order of the fields above, containers
// by name. A job with no faults can be placed, run and stored as it is.
func (j Job) Validate() []Fault {
	var f faults
	if why := badLabel(j.Name, 50); why != "" {
		f.add("name", "%s", why)
	} else if j.Name == "any" { // to CoreDNS it stands for all there are
		f.add("name", "%q means all jobs in DNS: take another name", j.Name)
	}
	j.validateKind(&f)
	for i, in := range j.Ingress {
		j.validateIngress(&f, fmt.Sprintf("ingress[%d]", i), in, j.Ingress[:i])
	}
	if len(j.Ingress) > maxEach {
		f.add("ingress", "there are %d; at most %d", len(j.Ingress), maxEach)
	}
	j.validateContainers(&f)
	for i, name := range j.Sidecars {
		path := fmt.Sprintf("sidecars[%d]", i)
		if why := badLabel(name, 50); why != "" {
			f.add(path, "%s", why)
		} else if _, taken := j.Containers[name]; taken {
			f.add(path, "%q is the name of a container too: give the container another one", name)
		} else if slices.Contains(j.Sidecars[:i], name) {
			f.add(path, "%q is given twice: remove one", name)
		}
	}
	j.Update.validate(&f, j.Daemon)
	j.validatePlacement(&f)
	if j.OnPartition != Stop && j.OnPartition != Keep {
		f.add("on_partition", "%q is neither stop nor keep", j.OnPartition)
	}
	return f
}

// validateKind checks how many instances there are, and for what.
func (j Job) validateKind(f *faults) {
	if n := j.NumInstances; n != nil {
		if *n < 0 || *n > maxInstances {
			f.add("numInstances", "is %d; must be 0 to %d", *n, maxInstances)
		}
		if j.Daemon {
			f.add("numInstances", "is %d, but a daemon job has one instance on every node: remove numInstances, or daemon", *n)
		}
	}
	if j.Priority < -1000 || j.Priority > 1000 {
		f.add("priority", "is %d; must be -1000 to 1000", j.Priority)
	}
	if j.Worklist != "" {
		if why := badName(j.Worklist); why != "" {
			f.add("worklist", "%s", why)
		}
		if j.Daemon {
			f.add("worklist", "the work decides how many instances there are, but a daemon job has one on every node: remove worklist, or daemon")
		}
	}
	if j.Swarm != "" {
		if why := badName(j.Swarm); why != "" {
			f.add("swarm", "%s", why)
		}
		if j.Worklist != "" {
			f.add("swarm", "an instance works for a worklist or for a swarm: remove one")
		}
	}
}

func (j Job) validatePlacement(f *faults) {
	p := j.Placement
	for _, label := range sorted(p.Requires) {
		path := "placement.requires." + label
		if why := badName(label); why != "" {
			f.add(path, "%s", why)
		}
		if value := p.Requires[label]; len(value) > 253 || strings.ContainsFunc(value, control) {
			f.add(path, "%q is too long or has control characters: at most 253 bytes of text", shorten(value))
		}
	}
	if p.Spread != "" {
		if why := badName(p.Spread); why != "" {
			f.add("placement.spread", "%s", why)
		}
	}
	switch {
	case p.MaxPerNode < 0:
		f.add("placement.max_per_node", "is %d; must be 1 or more, or 0 for no limit", p.MaxPerNode)
	case p.MaxPerNode > 0 && j.Daemon:
		f.add("placement.max_per_node", "is %d, but a daemon job has exactly one instance on a node: remove it", p.MaxPerNode)
	}
	if p.Spread != "" && j.Daemon {
		f.add("placement.spread", "is %q, but a daemon job has an instance on every node: remove it", p.Spread)
	}
}

func (u Update) validate(f *faults, daemon bool) {
	for _, n := range []struct {
		name  string
		value int
	}{{"max_surge", u.MaxSurge}, {"max_unavailable", u.MaxUnavailable}} {
		if n.value < 0 || n.value > maxInstances {
			f.add("update."+n.name, "is %d; must be 0 to %d", n.value, maxInstances)
		}
	}
	switch {
	case u.Order != StartFirst && u.Order != StopFirst:
		f.add("update.order", "%q is neither start-first nor stop-first", u.Order)
	case daemon && u.Order == StartFirst:
		f.add("update.order", "is start-first, but a daemon job has one instance on a node: write stop-first")
	case daemon && u.MaxSurge > 0:
		f.add("update.max_surge", "is %d, but a daemon job has one instance on a node: remove it, and set max_unavailable", u.MaxSurge)
	}
	duration(f, "update.healthy_within", u.HealthyWithin)
	duration(f, "update.min_healthy", u.MinHealthy)
	if u.MinHealthy >= u.HealthyWithin && u.HealthyWithin > 0 {
		f.add("update.min_healthy", "is %s, which is not less than healthy_within, %s: no instance could succeed", u.MinHealthy, u.HealthyWithin)
	}
}
