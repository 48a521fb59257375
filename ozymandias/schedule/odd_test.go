package schedule

import (
	"strings"
	"testing"

	"teamtask.dev/ozymandias/job"
)

// What asks for more than can be added up waits, and keeps no other from its place, nor what runs from staying: also what comes after it
// by name.
func TestOddSizes(t *testing.T) {
	w := newWorld(t.Fatalf)
	w.boot("n1")
	put := func(name string, instances int, memory job.Size) {
		spec := job.Job{Name: name, NumInstances: &instances, Containers: map[string]job.Container{"main": {Image: "v1", Memory: memory}}}.Default()
		if err := spec.Validate(); err != nil {
			t.Fatal(err)
		}
		w.State = w.Put(name, spec)
		w.Version++
	}
	put("web", 2, 1e9)
	w.settle()
	put("huge", maxInstances, 470e12)
	put("xylo", 1, 1e9)
	d, err := Decide(w.State, w.now)
	if err != nil {
		t.Fatal(err)
	}
	w.State = apply(w.State, d)
	if got, want := strings.Join(w.plans(), ""), "n1: web-0 r1 e2, web-1 r1 e2, xylo-0 r1 e6"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if len(d.Waits) != maxInstances {
		t.Fatalf("%d wait, want %d", len(d.Waits), maxInstances)
	}
	why := "huge-9999 requires 470T of memory, which with all others is more than can be added up: give a size that there is"
	if last := d.Waits[maxInstances-1].Why; last != why {
		t.Errorf("the last waits as %q, want %q", last, why)
	}
}
