package swarms

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"teamtask.dev/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files")

func assignment(worker string, version int64, jobs ...string) v1alpha1.Assignment {
	a := v1alpha1.Assignment{Spec: v1alpha1.AssignmentSpec{Swarm: "s", Worker: worker, Version: version}}
	for _, name := range jobs {
		a.Spec.Workloads = append(a.Spec.Workloads, v1alpha1.Grant{Name: name, Epoch: 1})
	}
	return a
}

// The file is as k8s-swarm's programs read it, key for key.
func TestPublishedFile(t *testing.T) {
	const golden = "testdata/config.yml"
	p, _ := next(&v1alpha1.Published{}, []v1alpha1.Assignment{
		assignment("swarm-worker-0", 2, "stream:cctv0:updated", "stream:xxrtve1"), assignment("swarm-worker-1", 3, "1e3", "stream:zrtve0:new"), assignment("swarm-worker-2", 0)})
	if *update {
		if err := os.WriteFile(golden, []byte(p.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if p.String() != string(want) {
		t.Errorf("%s\nwant\n%s", p, want)
	}
	again, err := v1alpha1.ReadPublished(p.String())
	if err != nil || again.String() != p.String() {
		t.Errorf("read again it is %v, %v", again, err)
	}
}

// An entry's version changes only if its jobs do; the file's is no less than that of any Assignment.
func TestNext(t *testing.T) {
	before := &v1alpha1.Published{Version: 5, Workloads: map[string]*v1alpha1.PublishedPart{"a": {Jobs: []string{"x"}, Version: 3}, "b": {Jobs: []string{"y"}, Version: 5}}}
	for _, c := range []struct {
		name        string
		assignments []v1alpha1.Assignment
		changed     bool
		version     int64
		entries     string
	}{
		{"nothing new", []v1alpha1.Assignment{assignment("a", 3, "x"), assignment("b", 5, "y")}, false, 5, "a 3 [x], b 5 [y], "},
		{"a version that changes no jobs", []v1alpha1.Assignment{assignment("a", 7, "x"), assignment("b", 5, "y")}, true, 7, "a 3 [x], b 5 [y], "},
		{"other jobs", []v1alpha1.Assignment{assignment("a", 7, "x", "z"), assignment("b", 5, "y")}, true, 7, "a 7 [x z], b 5 [y], "},
		{"other jobs of an old version", []v1alpha1.Assignment{assignment("a", 3, "x"), assignment("b", 5)}, true, 6, "a 3 [x], b 6 [], "},
		{"one more", []v1alpha1.Assignment{assignment("a", 3, "x"), assignment("b", 5, "y"), assignment("c", 0)}, true, 6, "a 3 [x], b 5 [y], c 6 [], "},
		{"one less", []v1alpha1.Assignment{assignment("b", 5, "y")}, true, 6, "b 5 [y], "},
	} {
		t.Run(c.name, func(t *testing.T) {
			after, changed := next(before, c.assignments)
			if got := entries(after); changed != c.changed || after.Version != c.version || got != c.entries {
				t.Errorf("changed %v, version %d, %s; want %v, %d, %s", changed, after.Version, got, c.changed, c.version, c.entries)
			}
		})
	}
}

func entries(p *v1alpha1.Published) (out string) {
	for _, name := range []string{"a", "b", "c"} {
		if e := p.Of(name); e != nil {
			out += fmt.Sprintf("%s %d %v, ", name, e.Version, e.Jobs)
		}
	}
	return out
}

// Whoever has read the file at some version has read every entry whose version is no greater, as it is now.
func TestVersionsOfThePublishedFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &v1alpha1.Published{}
		read := []*v1alpha1.Published{p} // each file that ever was
		for range rapid.IntRange(1, 10).Draw(t, "changes") {
			var all []v1alpha1.Assignment
			for _, worker := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3, rapid.ID).Draw(t, "workers") {
				all = append(all, assignment(worker, rapid.Int64Range(0, 20).Draw(t, "version"), rapid.SampledFrom([][]string{nil, {"x"}, {"x", "y"}}).Draw(t, "jobs")...))
			}
			after, changed := next(p, all)
			if !changed && entries(after) != entries(p) {
				t.Fatalf("%s becomes %s, unnoticed", entries(p), entries(after))
			}
			if changed && after.Version <= p.Version {
				t.Fatalf("version %d after %d", after.Version, p.Version)
			}
			p = after
			read = append(read, p)
			for _, old := range read {
				for worker, now := range p.Workloads {
					if e := old.Of(worker); old.Version >= now.Version && (e == nil || !slices.Equal(e.Jobs, now.Jobs)) {
						t.Fatalf("%s at version %d has read %+v, not %+v", worker, old.Version, e, now)
					}
				}
			}
		}
	})
}
