package job

import (
	"maps"
	"slices"
	"time"
)

// Default returns the job with everything that was left out filled in, as each field's comment says. It changes nothing that was
// said, shares nothing with j that could be changed, and does nothing to a job that went through it before. Wrong values are left
// for [Job.Validate].
func (j Job) Default() Job {
	j = j.clone()
	if j.NumInstances == nil && !j.Daemon && j.Worklist == "" {
		j.NumInstances = new(1)
	}
	or(&j.OnPartition, Stop)
	for i := range j.Ingress {
		in := &j.Ingress[i]
		if in.Container == "" && len(j.Containers) == 1 {
			for only := range j.Containers {
				in.Container = only
			}
		}
		if in.TCP == 0 {
			or(&in.Path, "/")
		}
	}
	for name, c := range j.Containers {
		c.complete()
		j.Containers[name] = c
	}
	j.Update.complete(j)
	return j
}

// complete fills in a container that shares nothing with another job's.
func (c *Container) complete() {
	or(&c.Restart.Policy, Always)
	or(&c.Memory, DefaultMemory)
	or(&c.StopGracePeriod, Duration(10*time.Second))
	for name, d := range c.DependsOn {
		or(&d.Condition, Started)
		c.DependsOn[name] = d
	}
	for i := range c.Ports {
		or(&c.Ports[i].Protocol, TCPProtocol)
	}
	for i := range c.Volumes {
		or(&c.Volumes[i].Type, Local)
	}
	for i := range c.Secrets {
		if s := &c.Secrets[i]; s.Env == "" && s.Name != "" {
			or(&s.File, "/run/secrets/"+s.Name)
		}
	}
	if h := c.Healthcheck; h != nil {
		if h.Type == HTTP {
			or(&h.Path, "/")
		}
		or(&h.Interval, Duration(10*time.Second))
		or(&h.Timeout, Duration(5*time.Second))
		or(&h.HealthyThreshold, 1)
		or(&h.UnhealthyThreshold, 3)
	}
}

// complete fills in how a job is updated.
func (u *Update) complete(j Job) {
	order := StartFirst
	if j.Daemon || j.exclusive() || !j.Lasts() { // what runs to its end is not to do so once more than wanted
		order = StopFirst
	}
	or(&u.Order, order)
	switch u.Order {
	case StartFirst:
		or(&u.MaxSurge, 1)
	case StopFirst:
		or(&u.MaxUnavailable, 1)
	}
	or(&u.HealthyWithin, Duration(5*time.Minute))
	or(&u.MinHealthy, min(Duration(5*time.Second), u.HealthyWithin/2))
	if u.Rollback == nil {
		u.Rollback = new(true)
	}
}

// Lasts tells whether instances are to run for ever, rather than to an end.
func (j Job) Lasts() bool {
	for _, c := range j.Containers {
		if c.Restart.Policy == Always {
			return true
		}
	}
	return false
}

// exclusive tells whether an instance has something that another one cannot have at the same time.
func (j Job) exclusive() bool {
	for _, c := range j.Containers {
		if len(c.Ports) > 0 || slices.ContainsFunc(c.Volumes, func(v Volume) bool { return v.Type == Local }) {
			return true
		}
	}
	return false
}

// or sets what has no value.
func or[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// clone copies the job with everything it refers to.
func (j Job) clone() Job {
	j.NumInstances = copied(j.NumInstances)
	j.Update.Rollback = copied(j.Update.Rollback)
	j.Ingress = slices.Clone(j.Ingress)
	for i := range j.Ingress {
		j.Ingress[i].TLS = copied(j.Ingress[i].TLS)
	}
	j.Sidecars = slices.Clone(j.Sidecars)
	j.Placement.Requires = maps.Clone(j.Placement.Requires)
	j.Containers = maps.Clone(j.Containers)
	for name, c := range j.Containers {
		c.Entrypoint, c.Command = slices.Clone(c.Entrypoint), slices.Clone(c.Command)
		c.Environment = maps.Clone(c.Environment)
		c.DependsOn = maps.Clone(c.DependsOn)
		c.Ports, c.Volumes = slices.Clone(c.Ports), slices.Clone(c.Volumes)
		c.Secrets = slices.Clone(c.Secrets)
		for i := range c.Secrets {
			c.Secrets[i].Vault = copied(c.Secrets[i].Vault)
		}
		if c.Healthcheck = copied(c.Healthcheck); c.Healthcheck != nil {
			c.Healthcheck.Command = slices.Clone(c.Healthcheck.Command)
		}
		j.Containers[name] = c
	}
	return j
}

// copied returns a pointer to a copy of what p points to.
func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}
