package main

import (
	"math"
	"slices"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/placement"
)

// part is a part of a node's memory and processors.
func part(memory, cpu float64) placement.Resources {
	return placement.Resources{Memory: int64(memory * float64(capacity.Memory)), CPU: int64(cpu * float64(capacity.CPU))}
}

// A node that an instance leaves empty scores 0, one that it fills 18: the least and the most that Nomad gives.
func TestNomadScore(t *testing.T) {
	for _, c := range []struct {
		free, needs placement.Resources
		want        float64
	}{
		{part(1, 1), part(0, 0), 0},
		{part(1, 1), part(1, 1), 18},
		{part(0.5, 0.5), part(0.5, 0.5), 18},
		{part(1, 1), part(0.5, 0.5), 20 - 2*math.Sqrt(10)},
		{part(1, 1), part(1, 0), 9},
	} {
		if got := -nomad(offer{of: capacity, free: c.free, needs: c.needs}); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v of what is left of %v scores %v, not %v", c.needs, c.free, got, c.want)
		}
	}
}

func TestBound(t *testing.T) {
	instances := func(parts ...float64) (list []placement.Instance) {
		for _, p := range parts {
			list = append(list, placement.Instance{Needs: part(p, 0)})
		}
		return list
	}
	for _, c := range []struct {
		parts []float64
		want  int
	}{{nil, 0}, {[]float64{0.1}, 1}, {[]float64{0.5, 0.5}, 1}, {[]float64{0.5, 0.5, 0.25}, 2}, {[]float64{0.75, 0.75, 0.75}, 3}} {
		if got := bound(shape{}, instances(c.parts...)); got != c.want {
			t.Errorf("the bound for %v is %d, not %d", c.parts, got, c.want)
		}
	}
}

// Every rule, on every shape, admits something, stays within the capacities (see freeOn) and needs no fewer nodes than the
// bound. Where something is moved, no less fits than where nothing may be.
func TestRules(t *testing.T) {
	for _, s := range shapes {
		var ours []row
		for _, r := range rules {
			got := measure(s, r, 3, 3)
			if got.first <= 0 || got.last < got.first || got.last > 1 || got.needed < 1 {
				t.Errorf("%s, %s: %+v", s.name, r.name, got)
			}
			if strings.HasPrefix(r.name, "Teamtask") {
				ours = append(ours, got)
			} else if got.moves != 0 {
				t.Errorf("%s, %s: it moves", s.name, r.name)
			}
		}
		if ours[0].first < ours[1].first {
			t.Errorf("%s: with moves it is %v full at the first refusal, without %v", s.name, ours[0].first, ours[1].first)
		}
	}
}

// Both give all of a small fleet a node, and one more: else it is an error.
func TestScratch(t *testing.T) {
	var b strings.Builder
	small := []fleet{{name: "alone", nodes: 3, services: 9, instances: 1, node: capacity},
		{name: "services", nodes: 3, services: 2, instances: 9, node: capacity, needs: part(0.1, 0.1)}}
	if err := scratch(t.Context(), &b, small, 1); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(b.String(), "\n"); got != 3 {
		t.Errorf("%s has %d lines", b.String(), got)
	}
	small[1].needs = part(0.2, 0.2)
	if err := scratch(t.Context(), &b, small[1:], 1); err == nil {
		t.Error("18 fifths of a node fit on 3 nodes")
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := write(&b, []row{{shape: "web", nodes: 3, rule: "first fit", first: 0.5, fitted: 0.5, one: 0.25, unknown: 0.125, last: 0.75, needed: 1.25, took: 12345}}); err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(b.String()[len(legend):])
	want := strings.Fields("web, 3 nodes first fitted last moves time needed first fit 50.0% 50% (25%) +?12% 75.0% 0.00 12µs 1.250")
	if !slices.Equal(got, want) {
		t.Errorf("%q\nnot\n%q", got, want)
	}
}
