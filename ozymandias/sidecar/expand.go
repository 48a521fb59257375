package sidecar

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/spelling"
)

// A maker makes the container of a sidecar.
type maker func(j job.Job, others []job.Job) (job.Container, []job.Fault)

// library is what there is.
var library = map[string]maker{
	"envoy": envoy,
}

// Expand replaces the names in j.Sidecars by containers. The job's other containers start once those are healthy, unless their depends_on
// says otherwise. j is valid, as [job.Job.Validate] has it. others are the jobs there are, in the order in which they were made; j may be
// among them as it was. The job returned went through [job.Job.Default]. If there are faults it still has its sidecars.
func Expand(j job.Job, others []job.Job) (job.Job, []job.Fault) {
	j = j.Default()
	var faults []job.Fault
	made := map[string]job.Container{}
	for i, name := range j.Sidecars {
		path := fmt.Sprintf("sidecars[%d]", i)
		container, known := library[name]
		if !known {
			faults = append(faults, job.Fault{Path: path, Message: fmt.Sprintf("%.80q is not known: %s", name, instead(name))})
			continue
		}
		c, wrong := container(j, reached(j, others))
		for _, fault := range wrong {
			if fault.Path == "" {
				fault.Path = path
			}
			faults = append(faults, fault)
		}
		c.Sidecar = name
		made[name] = c
	}
	if len(faults) > 0 || len(made) == 0 {
		return j, faults
	}
	for name, c := range j.Containers {
		for sidecar := range made {
			if _, said := c.DependsOn[sidecar]; said {
				continue
			}
			if c.DependsOn == nil {
				c.DependsOn = job.Dependencies{}
			}
			c.DependsOn[sidecar] = job.Dependency{Condition: job.Healthy}
		}
		j.Containers[name] = c
	}
	maps.Copy(j.Containers, made)
	j.Sidecars = nil
	return j.Default(), nil
}

// instead says what there is, of a name that there is not.
func instead(name string) string {
	names := slices.Sorted(maps.Keys(library))
	if meant := spelling.Closest(name, names); meant != "" {
		return "did you mean " + meant + "?"
	}
	return "there is " + strings.Join(names, ", ")
}

// reached are the other jobs by name, without j itself. A name may be had by a job that is still going, too: the one made last has it.
func reached(j job.Job, others []job.Job) []job.Job {
	last := map[string]int{}
	for i, other := range others {
		last[other.Name] = i
	}
	var all []job.Job
	for i, other := range others {
		if other.Name != j.Name && last[other.Name] == i {
			all = append(all, other.Default())
		}
	}
	return all
}
