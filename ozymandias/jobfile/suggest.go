package jobfile

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/spelling"
)

// elsewhere has what others call a field.
var elsewhere = map[string]string{
	"replicas": "numInstances", "instances": "numInstances", "scale": "numInstances", "count": "numInstances",
	"mem_limit": "memory", "mem": "memory", "cpu": "cpus", "env": "environment", "cmd": "command", "args": "command",
	"test": "command", "retries": "unhealthy_threshold", "services": "containers", "size": "space", "constraints": "requires",
	"source": "name", "target": "path", "strategy": "update",
}

// suggest returns the field that was probably meant by one there is not, if any, and what to say about it.
func suggest(name string, t reflect.Type, known map[string]int) (meant, advice string) {
	if _, ok := known[elsewhere[name]]; ok {
		return elsewhere[name], ": did you mean " + elsewhere[name] + "?"
	}
	names := slices.Sorted(maps.Keys(known))
	if best := spelling.Closest(name, names); best != "" {
		return best, ": did you mean " + best + "?"
	}
	container := fieldsOf(reflect.TypeFor[job.Container]())
	if _, ok := container[name]; ok && t == reflect.TypeFor[job.Job]() {
		return "", ": it belongs to a container, containers.NAME." + name
	}
	whole := fieldsOf(reflect.TypeFor[job.Job]())
	if _, ok := whole[name]; ok && t == reflect.TypeFor[job.Container]() {
		return "", ": it belongs to the job, not to one of its containers"
	}
	if why, ok := refused[name]; ok && t == reflect.TypeFor[job.Container]() {
		return "", ": " + why
	}
	if len(names) > 12 {
		return "", ""
	}
	return "", ": there are " + strings.Join(names, ", ")
}
