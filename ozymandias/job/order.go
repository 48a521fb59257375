package job

import (
	"maps"
	"slices"
	"strings"
)

// names of the containers, sorted.
func (j Job) names() []string { return slices.Sorted(maps.Keys(j.Containers)) }

// Order lists the containers so that each comes after those it depends on, and by name where that leaves a choice. The reverse is
// the order to stop them in. Containers that wait for each other in a circle are a [Fault]; a dependency that does not exist is left out.
func (j Job) Order() ([]string, error) {
	var order, trail []string
	done := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		if done[name] {
			return nil
		}
		if i := slices.Index(trail, name); i >= 0 {
			return Fault{
				Path:    "containers." + name + ".depends_on",
				Message: "goes round in a circle: " + strings.Join(append(trail[i:], name), " needs ") + "; remove one of these",
			}
		}
		trail = append(trail, name)
		for _, needed := range slices.Sorted(maps.Keys(j.Containers[name].DependsOn)) {
			if _, exists := j.Containers[needed]; !exists {
				continue
			}
			if err := visit(needed); err != nil {
				return err
			}
		}
		trail = trail[:len(trail)-1]
		done[name] = true
		order = append(order, name)
		return nil
	}
	for _, name := range j.names() {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}
