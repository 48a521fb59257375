package converge

import (
	"fmt"
	"time"

	"teamtask.dev/ozymandias/job"
)

// order lists the containers as they are to be started.
func (i *instance) order() []string {
	if i.spec == nil {
		return nil
	}
	order, err := i.spec.Order()
	if err != nil {
		return nil // no job that was taken has a circle
	}
	return order
}

// due names the container that is to be started now, "" if none is; and when to look again. One that could not be started comes after the
// others.
func (i *instance) due(now time.Time) (due string, again time.Time) {
	for _, name := range i.order() {
		switch c := i.containers[name]; {
		case c.State == Created && i.needs(name) == "", c.State == Ended && !c.again.IsZero() && !now.Before(c.again):
			if name != i.balked {
				return name, time.Time{}
			}
			due = name
		case c.State == Ended:
			again = earlier(again, c.again)
		}
	}
	return due, again
}

// needs says what a container that was never started waits for; "" if for nothing. What it depends on may have ended since; it is
// started all the same, as its own restart would be.
func (i *instance) needs(name string) string {
	if i.spec == nil {
		return ""
	}
	for _, needed := range i.order() {
		dependency, depends := i.spec.Containers[name].DependsOn[needed]
		c := i.containers[needed]
		switch {
		case !depends || c == nil:
		case c.Started.IsZero():
			return fmt.Sprintf("%s waits for %s to be started", name, needed)
		case dependency.Condition == job.Healthy && i.spec.Containers[needed].Healthcheck != nil && !c.well:
			return fmt.Sprintf("%s waits for %s to be healthy", name, needed)
		}
	}
	return ""
}
