package plan

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	"sigs.k8s.io/yaml"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm"
)

// Bounds of what a workload may ask for, as the schema has them. They bind all sources alike.
const (
	maxWeight   = 1_000_000_000
	maxName     = 253
	maxRequires = 16
)

// ConfigMap is one that was selected, with what it holds.
type ConfigMap struct {
	Name string
	Data map[string]string
}

// Workloads are those of all sources. The error is a sentence that says which is wrong, where it stands, and what to do; the same
// input gives the same error, in whatever order it comes.
func Workloads(sources v1alpha1.WorkloadSources, configMaps []ConfigMap, objects []v1alpha1.Workload) ([]swarm.Workload, error) {
	some := len(sources.Names) + len(sources.List) + len(objects)
	for _, m := range configMaps {
		for _, text := range m.Data {
			some += len(text) / 16 // a guess, as a map that has to grow takes twice the time
		}
	}
	u := union{all: make([]swarm.Workload, 0, some), at: make(map[string]place, some)}
	for i, name := range sources.Names {
		u.add(swarm.Workload{Name: name}, place{field: "spec.workloads.names", index: i})
	}
	for i := range sources.List {
		u.add(workload(sources.List[i].Name, &sources.List[i].WorkloadNeeds), place{field: "spec.workloads.list", index: i})
	}
	for _, m := range slices.SortedFunc(slices.Values(configMaps), func(a, b ConfigMap) int { return strings.Compare(a.Name, b.Name) }) {
		u.addMap(m)
	}
	objects = slices.SortedFunc(slices.Values(objects), func(a, b v1alpha1.Workload) int { return strings.Compare(a.Name, b.Name) })
	for i := range objects {
		o := &objects[i]
		u.add(workload(cmp.Or(o.Spec.Name, o.Name), &o.Spec.WorkloadNeeds), place{field: "Workload " + o.Name, index: -1})
	}
	return u.all, u.err
}

func workload(name string, needs *v1alpha1.WorkloadNeeds) swarm.Workload {
	return swarm.Workload{Name: name, Weight: needs.Weight, Exclusive: needs.Exclusive, Priority: needs.Priority, Require: needs.Requires}
}

// union takes workloads together until something is wrong with one.
type union struct {
	all []swarm.Workload
	at  map[string]place
	err error
}

// place is where a workload stands.
type place struct {
	field string
	index int // -1: it is the only one
	lines bool
}

func (p place) String() string {
	switch {
	case p.index < 0:
		return p.field
	case p.lines:
		return fmt.Sprintf("%s, line %d", p.field, p.index+1)
	}
	return fmt.Sprintf("%s[%d]", p.field, p.index)
}

func (u *union) add(w swarm.Workload, at place) {
	if u.err != nil {
		return
	}
	other, twice := u.at[w.Name]
	switch {
	case w.Name == "":
		u.err = fmt.Errorf("%s has no name: give it one, or take it out", at)
	case len(w.Name) > maxName:
		u.err = fmt.Errorf("%s has a name of %d characters, %.20q...: use %d at most", at, len(w.Name), w.Name, maxName)
	case strings.TrimSpace(w.Name) != w.Name || strings.ContainsFunc(w.Name, unicode.IsControl):
		u.err = fmt.Errorf("%s has the name %q: use no control characters, and no space at its ends", at, w.Name)
	case w.Weight < 0 || w.Weight > maxWeight:
		u.err = fmt.Errorf("%s, workload %q, has weight %d: it must be 1 to %d, or 0 for 1", at, w.Name, w.Weight, maxWeight)
	case len(w.Require) > maxRequires:
		u.err = fmt.Errorf("%s, workload %q, requires %d labels: %d is the most", at, w.Name, len(w.Require), maxRequires)
	case twice:
		u.err = fmt.Errorf("workload %q is there twice, in %s and in %s: take one of them out, or rename it", w.Name, other, at)
	default:
		u.at[w.Name] = at
		u.all = append(u.all, w)
	}
}

// addMap adds what the values of a ConfigMap say: a workload on each line, or under a key of YAML the list `jobs`.
func (u *union) addMap(m ConfigMap) {
	for _, key := range slices.Sorted(maps.Keys(m.Data)) {
		field := fmt.Sprintf("ConfigMap %s, key %s", m.Name, key)
		if ext := path.Ext(key); ext != ".yml" && ext != ".yaml" {
			line := 0
			for text := range strings.Lines(m.Data[key]) {
				if name := strings.TrimSpace(text); name != "" {
					u.add(swarm.Workload{Name: name}, place{field, line, true})
				}
				line++
			}
			continue
		}
		var config struct {
			Jobs *[]string `json:"jobs"`
		}
		if err := yaml.Unmarshal([]byte(m.Data[key]), &config); err != nil && u.err == nil {
			u.err = fmt.Errorf("%s cannot be read as YAML with a list `jobs` of names: %w: correct it, or take the ConfigMap's label away", field, err)
		}
		if config.Jobs == nil {
			if u.err == nil {
				u.err = fmt.Errorf("%s has no list `jobs`: add one, or take the ConfigMap's label away", field)
			}
			continue
		}
		for i, name := range *config.Jobs {
			u.add(swarm.Workload{Name: name}, place{field + ", jobs", i, false})
		}
	}
}
