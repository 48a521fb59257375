package jobfile

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"teamtask.dev/ozymandias/job"
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
	if best := closest(name, names); best != "" {
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
	if len(names) > 12 {
		return "", ""
	}
	return "", ": there are " + strings.Join(names, ", ")
}

// closest returns the name that is most like another, "" if none is.
func closest(name string, names []string) string {
	best, distance := "", 3
	for _, candidate := range names {
		if n := edits(folded(name), folded(candidate)); n < distance && n <= max(1, len(candidate)/4) {
			best, distance = candidate, n
		}
	}
	return best
}

// folded makes dependsOn, depends-on and depends_on the same.
func folded(s string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(cut(s)))
}

// edits is the number of bytes to insert, remove or replace to get from a to b (Levenshtein's distance, by rows).
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for k := range row {
		row[k] = k
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for k := range len(b) {
			change := diagonal
			if a[i] != b[k] {
				change++
			}
			diagonal = row[k+1]
			row[k+1] = min(change, row[k]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
