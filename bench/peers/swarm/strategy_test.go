package main

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
)

// smallSizes have fewer workloads than workers, too.
var smallSizes = []size{{1, 1, 100, 1}, {3, 5, 100, 1}, {26, 2, 100, 1}, {200, 7, 100, 1}}

// TestStrategies takes every strategy through all scenarios, in which each table is checked. That some of them balance and
// move as little as possible would not be so if their adapters handed on the wrong tables.
func TestStrategies(t *testing.T) {
	for _, s := range strategies {
		balances := !strings.Contains(s.name, "hash")
		sticks := balances && !strings.Contains(s.name, "contiguous")
		t.Run(s.name, func(t *testing.T) {
			for _, at := range smallSizes {
				r, err := begin(s, at)
				if err != nil {
					t.Fatal(err)
				}
				for _, sc := range scenarios {
					o, err := r.play(sc)
					if err != nil {
						t.Fatalf("%v, %s: %v", at, sc.title, err)
					}
					if balances && o.Spread > 1 {
						t.Errorf("%v, %s: the loads differ by %d", at, sc.title, o.Spread)
					}
					if sticks && o.Moved != o.Fewest {
						t.Errorf("%v, %s: %d moved, want %d", at, sc.title, o.Moved, o.Fewest)
					}
				}
			}
		})
	}
}

func TestMeasure(t *testing.T) {
	var out bytes.Buffer
	if err := measure(strategy{"contiguous", stateless(contiguous)}, size{20, 2, 10, 2}, &out); err != nil {
		t.Fatal(err)
	}
	var got, want []string
	for _, o := range decode(&out) {
		got = append(got, o.Scenario)
	}
	for range 2 {
		for _, s := range scenarios {
			if s.title != "" {
				want = append(want, s.title)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("outcomes of\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestInvalidTables(t *testing.T) {
	workloads, workers := []string{"a", "b"}, []string{"x", "y"}
	for _, c := range []struct {
		name  string
		table map[string]string
		want  string
	}{
		{"a workload without worker", map[string]string{"a": "x"}, "b has no worker"},
		{"a worker that is gone", map[string]string{"a": "x", "b": "z"}, `b is with "z", which is not there`},
		{"a workload that has ended", map[string]string{"a": "x", "b": "y", "c": "x"}, "the table has 3 workloads, and there are 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := loads(c.table, workloads, workers); err == nil || err.Error() != c.want {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
	got, err := loads(map[string]string{"a": "x", "b": "x"}, workloads, workers)
	if err != nil || !slices.Equal(got, []int{2, 0}) {
		t.Errorf("loads %v, %v, want [2 0]", got, err)
	}
}

// TestDecisionsAreRepeated would catch a strategy that keeps something of another pool, or goes by the order of a map.
func TestDecisionsAreRepeated(t *testing.T) {
	for _, s := range strategies {
		t.Run(s.name, func(t *testing.T) {
			first, second := tables(t, s, size{100, 7, 100, 1}), tables(t, s, size{100, 7, 100, 1})
			for i := range first {
				if !maps.Equal(first[i], second[i]) {
					t.Fatalf("table %d is another one the second time", i)
				}
			}
		})
	}
}

// TestStreams is Teamtask's demo: 26 streams on 2 workers, and then on 3.
func TestStreams(t *testing.T) {
	for _, c := range []struct {
		strategy
		want int
	}{
		{strategy{"Teamtask", stateless(teamtask)}, 8},
		{strategy{"contiguous", stateless(contiguous)}, 12},
	} {
		r, err := begin(c.strategy, size{26, 2, 1, 1})
		if err != nil {
			t.Fatal(err)
		}
		o, err := r.play(scenario{"", 1, (*pool).addWorker})
		if err != nil {
			t.Fatal(err)
		}
		if o.Moved != c.want || o.Fewest != 8 {
			t.Errorf("%s: %d moved, of which %d had to be; want %d and 8", c.name, o.Moved, o.Fewest, c.want)
		}
	}
}

// TestRendezvousForgetsNothing compares what takes over owners with what looks at all workers.
func TestRendezvousForgetsNothing(t *testing.T) {
	fromScratch := func(_ map[string]string, workloads, workers []string, timed func(func())) (map[string]string, error) {
		return rendezvous(nil, workloads, workers, timed)
	}
	at := size{300, 7, 100, 1}
	got, want := tables(t, strategy{"", stateless(rendezvous)}, at), tables(t, strategy{"", stateless(fromScratch)}, at)
	for i := range want {
		if !maps.Equal(got[i], want[i]) {
			t.Fatalf("table %d is not that of its workers", i)
		}
	}
}

// TestRingHasTheWorkersThereAre compares the ring that workers came to and went from with one made with those there are.
func TestRingHasTheWorkersThereAre(t *testing.T) {
	const first = 2
	kept := ring()
	compared := func(previous map[string]string, workloads, workers []string, timed func(func())) (map[string]string, error) {
		table, err := kept(previous, workloads, workers, timed)
		fresh := newRing(workers, partitions(first))
		for workload, worker := range table {
			if want := fresh.LocateKey([]byte(workload)); member(worker) != want {
				t.Fatalf("%s is with %s, and of %v it would be with %s", workload, worker, workers, want)
			}
		}
		return table, err
	}
	tables(t, strategy{"", stateless(compared)}, size{100, first, 100, 1})
}

// TestJumpHash has the values of a second implementation, github.com/dgryski/go-jump.
func TestJumpHash(t *testing.T) {
	for _, c := range []struct {
		key     uint64
		buckets int
		want    int
	}{{1, 1, 0}, {42, 57, 43}, {0xDEAD10CC, 1, 0}, {0xDEAD10CC, 666, 361}, {256, 1024, 520}} {
		if got := jumpHash(c.key, c.buckets); got != c.want {
			t.Errorf("jumpHash(%d, %d) = %d, want %d", c.key, c.buckets, got, c.want)
		}
	}
}

// tables are those that a strategy makes in the life of a pool.
func tables(t *testing.T, s strategy, at size) (tables []map[string]string) {
	t.Helper()
	recorded := func() assign {
		next := s.start()
		return func(previous map[string]string, workloads, workers []string, timed func(func())) (map[string]string, error) {
			table, err := next(previous, workloads, workers, timed)
			tables = append(tables, table)
			return table, err
		}
	}
	r, err := begin(strategy{s.name, recorded}, at)
	if err != nil {
		t.Fatal(err)
	}
	for _, sc := range scenarios {
		if _, err := r.play(sc); err != nil {
			t.Fatal(err)
		}
	}
	return tables
}
