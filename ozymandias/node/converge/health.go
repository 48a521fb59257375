package converge

import (
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

// A Probe is a check that is to be made again and again, of a container from one start to its end.
type Probe struct {
	Instance  schedule.Instance
	Name      string // the job's
	Epoch     int64
	Container string
	Started   time.Time
	Address   string
	Check     *job.Healthcheck
	Well      bool // it is known to be well
}

// Probes are all that are to be made now.
func (m *Machine) Probes() (probes []Probe) {
	for _, id := range m.sorted() {
		i := m.instances[id]
		if i.leaving || !i.made {
			continue
		}
		for _, name := range i.order() {
			c, check := i.containers[name], i.spec.Containers[name].Healthcheck
			if c != nil && c.State == Running && check != nil {
				probes = append(probes, Probe{id, i.name, i.epoch, name, c.Started, i.address, check, c.healthy != nil && *c.healthy})
			}
		}
	}
	return probes
}

// Verdict takes in what a probe has found. One of an earlier start is old news. message says why it is not healthy.
func (m *Machine) Verdict(p Probe, healthy bool, message string) {
	i := m.instances[p.Instance]
	if i == nil || i.epoch != p.Epoch {
		return
	}
	if c := i.containers[p.Container]; c != nil && c.Started.Equal(p.Started) {
		c.healthy, c.why, c.well = &healthy, message, c.well || healthy
	}
}

// unwell names a container that runs and is to be ended as it is not healthy; "" if there is none. What would not be started again is
// left as it is.
func (i *instance) unwell() string {
	for _, name := range i.order() {
		c := i.containers[name]
		if c.State == Running && c.healthy != nil && !*c.healthy && i.policy(name).Policy != job.Never {
			return name
		}
	}
	return ""
}

// fine tells whether a container does what it should.
func (i *instance) fine(name string) bool {
	c := i.containers[name]
	switch {
	case c == nil:
		return false
	case c.over():
		return c.good()
	case c.State != Running:
		return false
	}
	return i.spec.Containers[name].Healthcheck == nil || c.healthy != nil && *c.healthy
}
