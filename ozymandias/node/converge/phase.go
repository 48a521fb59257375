package converge

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

// assess writes down how the instance fares, and says when that changes by itself.
func (i *instance) assess(now time.Time) (again time.Time) {
	before := i.condition
	next := schedule.Condition{Epoch: i.epoch, Revision: i.revision, Address: i.address, Since: before.Since}
	if !i.there {
		next.Epoch, next.Revision = i.planned.Epoch, i.planned.Revision
	}
	next.Phase, next.Message = i.phase()
	if next.Phase != before.Phase || next.Epoch != before.Epoch || before.Since.IsZero() {
		next.Since = now
	}
	for name, c := range i.containers {
		next.Restarts += c.restarts
		if next.Containers == nil {
			next.Containers = map[string]schedule.ContainerCondition{}
		}
		next.Containers[name] = i.describe(name, c)
	}
	next.Healthy = next.Phase == schedule.Running && i.well()
	if !next.Healthy {
		i.healthy = time.Time{}
	} else {
		if i.healthy.IsZero() {
			i.healthy = now
		}
		settles := i.healthy.Add(time.Duration(i.spec.Update.MinHealthy))
		next.Settled = !now.Before(settles)
		if !next.Settled {
			again = settles
		}
		if calmed := i.healthy.Add(calm); i.spoils > 0 && now.Before(calmed) {
			again = earlier(again, calmed)
		} else {
			i.spoils = 0
		}
	}
	i.condition = next
	return again
}

// well tells whether all containers do what they should.
func (i *instance) well() bool {
	for _, name := range i.order() {
		if !i.fine(name) {
			return false
		}
	}
	return i.spec != nil
}

// phase is where the instance is on its way, and why.
func (i *instance) phase() (schedule.Phase, string) {
	switch {
	case !i.there:
		return schedule.Waiting, i.reason(i.waits)
	case i.leaving:
		return schedule.Stopping, i.reason("")
	case i.fault != "" && i.failed != Look: // that podman does not answer says nothing of what runs
		return schedule.BackOff, i.reason("")
	case !i.made:
		return schedule.Starting, i.note
	}
	var broken, back, starting, unwell []string
	over := true
	for _, name := range i.named() {
		c := i.containers[name]
		over = over && c.over()
		switch {
		case c.over() && !c.good():
			broken = append(broken, name+" "+c.ending(i.container(name)))
		case c.over():
		case c.State == Ended:
			back = append(back, fmt.Sprintf("%s %s; it is started again after %s", name, c.ending(i.container(name)), c.delay))
		case c.State == Created:
			starting = append(starting, i.needs(name))
		case c.healthy != nil && !*c.healthy:
			unwell = append(unwell, fmt.Sprintf("%s is not healthy: %s", name, c.why))
		}
	}
	switch {
	case len(broken) > 0:
		return schedule.Broken, strings.Join(broken, "; ")
	case over:
		return schedule.Ended, ""
	case len(back) > 0:
		return schedule.BackOff, strings.Join(back, "; ")
	case len(starting) > 0:
		return schedule.Starting, starting[0]
	}
	return schedule.Running, strings.Join(unwell, "; ")
}

// reason is why an action failed, or else what is given.
func (i *instance) reason(otherwise string) string {
	if i.fault != "" {
		return i.fault
	}
	return otherwise
}

// describe says how a container fares.
func (i *instance) describe(name string, c *container) schedule.ContainerCondition {
	d := schedule.ContainerCondition{Restarts: c.restarts, ExitCode: c.exit, Healthy: c.healthy, Since: c.Started}
	if c.ousted {
		d.Ousted = c.why
	}
	switch c.State {
	case Created:
		d.State, d.Since, d.Message = schedule.ContainerCreated, time.Time{}, i.needs(name)
	case Running:
		d.State, d.Message = schedule.ContainerRunning, c.why
	case Ended:
		d.State, d.Since, d.Healthy = schedule.ContainerEnded, c.Ended, nil
		if !c.good() || !c.over() {
			d.Message = "it " + c.ending(i.container(name))
		}
	}
	return d
}

// named are the names of the containers that are there, sorted.
func (i *instance) named() []string { return slices.Sorted(maps.Keys(i.containers)) }

// container is what the job says of one.
func (i *instance) container(name string) job.Container {
	if i.spec == nil {
		return job.Container{}
	}
	return i.spec.Containers[name]
}
