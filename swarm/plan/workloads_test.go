package plan

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/swarm"
)

func object(object, name string, needs v1alpha1.WorkloadNeeds) v1alpha1.Workload {
	return v1alpha1.Workload{ObjectMeta: metav1.ObjectMeta{Name: object}, Spec: v1alpha1.WorkloadSpec{Swarm: "s", Name: name, WorkloadNeeds: needs}}
}

func item(name string, weight int64) v1alpha1.WorkloadItem {
	return v1alpha1.WorkloadItem{Name: name, WorkloadNeeds: v1alpha1.WorkloadNeeds{Weight: weight}}
}

// All sources are taken together.
func TestWorkloads(t *testing.T) {
	got, err := Workloads(
		v1alpha1.WorkloadSources{Names: []string{"a"}, List: []v1alpha1.WorkloadItem{item("b", 7)}},
		[]ConfigMap{{"lines", map[string]string{"streams": "c\n\n  d:new \r\ne"}}, {"jobs", map[string]string{"config.yml": "jobs:\n- stream:f\n- \"g\"\nversion: 0\n"}},
			{"none", map[string]string{"empty.yaml": "jobs: []", "empty": ""}}},
		[]v1alpha1.Workload{object("o", "", v1alpha1.WorkloadNeeds{Exclusive: true, Priority: 3}), object("p", "stream:p", v1alpha1.WorkloadNeeds{Requires: map[string]string{"zone": "a"}})})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, w := range got {
		names = append(names, w.Name)
	}
	if want := []string{"a", "b", "stream:f", "g", "c", "d:new", "e", "o", "stream:p"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if got[1].Weight != 7 || !got[7].Exclusive || got[7].Priority != 3 || got[8].Require["zone"] != "a" {
		t.Errorf("what they need: %+v", got)
	}
}

// Bad input is named with its place, and with what to do.
func TestBadWorkloads(t *testing.T) {
	for _, c := range []struct {
		name    string
		sources v1alpha1.WorkloadSources
		maps    []ConfigMap
		objects []v1alpha1.Workload
		want    string
	}{
		{"twice in one source", v1alpha1.WorkloadSources{Names: []string{"a", "b", "a"}}, nil, nil,
			`workload "a" is there twice, in spec.workloads.names[0] and in spec.workloads.names[2]: take one of them out, or rename it`},
		{"twice in two sources", v1alpha1.WorkloadSources{List: []v1alpha1.WorkloadItem{item("a", 1)}}, []ConfigMap{{"m", map[string]string{"k": "b\n\na\n"}}}, nil,
			`workload "a" is there twice, in spec.workloads.list[0] and in ConfigMap m, key k, line 3: take one of them out, or rename it`},
		{"twice as objects", v1alpha1.WorkloadSources{}, nil, []v1alpha1.Workload{object("y", "a", v1alpha1.WorkloadNeeds{}), object("a", "", v1alpha1.WorkloadNeeds{})},
			`workload "a" is there twice, in Workload a and in Workload y: take one of them out, or rename it`},
		{"twice in YAML", v1alpha1.WorkloadSources{}, []ConfigMap{{"m", map[string]string{"k.yml": "jobs: [a, a]"}}}, nil,
			`workload "a" is there twice, in ConfigMap m, key k.yml, jobs[0] and in ConfigMap m, key k.yml, jobs[1]: take one of them out, or rename it`},
		{"negative weight", v1alpha1.WorkloadSources{List: []v1alpha1.WorkloadItem{item("a", -1)}}, nil, nil,
			`spec.workloads.list[0], workload "a", has weight -1: it must be 1 to 1000000000, or 0 for 1`},
		{"negative weight of an object", v1alpha1.WorkloadSources{}, nil, []v1alpha1.Workload{object("o", "", v1alpha1.WorkloadNeeds{Weight: -2})},
			`Workload o, workload "o", has weight -2: it must be 1 to 1000000000, or 0 for 1`},
		{"no name", v1alpha1.WorkloadSources{Names: []string{""}}, nil, nil, `spec.workloads.names[0] has no name: give it one, or take it out`},
		{"long name", v1alpha1.WorkloadSources{}, []ConfigMap{{"m", map[string]string{"k": strings.Repeat("x", 254)}}}, nil,
			`ConfigMap m, key k, line 1 has a name of 254 characters, "xxxxxxxxxxxxxxxxxxxx"...: use 253 at most`},
		{"control characters", v1alpha1.WorkloadSources{}, []ConfigMap{{"m", map[string]string{"k": "a\tb"}}}, nil,
			`ConfigMap m, key k, line 1 has the name "a\tb": use no control characters, and no space at its ends`},
		{"no YAML", v1alpha1.WorkloadSources{}, []ConfigMap{{"m", map[string]string{"k.yml": "jobs: {"}}}, nil, `ConfigMap m, key k.yml cannot be read as YAML with a list ` + "`jobs`" + ` of names: `},
		{"no names", v1alpha1.WorkloadSources{}, []ConfigMap{{"m", map[string]string{"k.yaml": "jobs: [{name: a}]"}}}, nil, `ConfigMap m, key k.yaml cannot be read as YAML with a list ` + "`jobs`" + ` of names: `},
		{"no list", v1alpha1.WorkloadSources{}, []ConfigMap{{"m", map[string]string{"k.yml": "work: [a]"}}}, nil,
			"ConfigMap m, key k.yml has no list `jobs`: add one, or take the ConfigMap's label away"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Workloads(c.sources, c.maps, c.objects)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.HasSuffix(c.want, ": ") != (err.Error() != c.want) {
				t.Errorf("%v\nwant %s", err, c.want)
			}
		})
	}
}

// The order in which objects are listed means nothing.
func TestWorkloadsInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var maps []ConfigMap
		for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching("[a-c]"), 0, 3, rapid.ID).Draw(t, "maps") {
			maps = append(maps, ConfigMap{name, map[string]string{"k": rapid.StringMatching(`([a-e]\n){0,3}`).Draw(t, "lines"), "j.yml": "jobs: [" + name + "]"}})
		}
		var objects []v1alpha1.Workload
		for _, name := range rapid.SliceOfNDistinct(rapid.StringMatching("[d-h]"), 0, 3, rapid.ID).Draw(t, "objects") {
			objects = append(objects, object(name, "", v1alpha1.WorkloadNeeds{}))
		}
		all, err := Workloads(v1alpha1.WorkloadSources{}, maps, objects)
		again, err2 := Workloads(v1alpha1.WorkloadSources{}, rapid.Permutation(maps).Draw(t, "order"), rapid.Permutation(objects).Draw(t, "order"))
		if (err == nil) != (err2 == nil) || err != nil && err.Error() != err2.Error() || err == nil && !slices.EqualFunc(all, again, func(a, b swarm.Workload) bool { return a.Name == b.Name }) {
			t.Fatalf("%v, %v\n%v, %v", all, err, again, err2)
		}
	})
}
