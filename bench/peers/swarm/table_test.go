package main

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	title := scenarios[0].title
	of := func(moved, fewest int, peak float64, spread int, seconds float64) outcome {
		return outcome{title, moved, fewest, peak, spread, seconds}
	}
	comparisons := []comparison{
		{size{26, 2, 1, 3}, []row{
			{"ours", []outcome{of(8, 8, 1.038, 1, 0.000_012_3), of(8, 8, 1.038, 1, 1), of(8, 8, 1.038, 1, 0.000_001)}},
			{"faster", []outcome{{Scenario: "another"}, of(0, 0, 1, 0, 0.000_000_5)}},
			{"slower", []outcome{of(3, 0, 2.5, 20, 0.001_23)}},
		}},
		{size{1_000_000, 10_000, 1, 1}, []row{
			{"ours", nil},
			{"less even", []outcome{of(95, 1_000, 1.5, 1_200, 100)}},
		}},
	}
	const want = `
A worker more: m -> m+1

  26 workloads, m = 2                    moved  of ours  fewest  ratio  peak  spread   time  of ours
    ours                                     8        1       8      1  1.04       1   12µs        1
    faster                                   0        0       0      1  1.00       0  500ns    0.041
    slower                                   3     0.38       0    inf  2.50      20  1.2ms      100
  1,000,000 workloads, m = 10,000        moved  of ours  fewest  ratio  peak  spread   time  of ours
    ours                                     -        -       -      -     -       -      -        -
    less even                               95        -   1,000  0.095  1.50   1,200  1m40s        -
`
	var got strings.Builder
	if err := writeScenario(&got, title, comparisons); err != nil {
		t.Fatal(err)
	}
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}

// TestWrite looks for a table of each scenario, below the words that explain it.
func TestWrite(t *testing.T) {
	var got strings.Builder
	if err := write(&got, nil, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	rest := got.String()
	for _, want := range []string{"more than 2m0s of", "m -> m+1", "m+1 -> m", "lost", "replaced by", "tenth", "Random"} {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Errorf("%q is missing or not where it belongs in\n%s", want, got.String())
		}
		rest = after
	}
}

// TestDecode is about a process that was killed while it wrote.
func TestDecode(t *testing.T) {
	got := decode(strings.NewReader(`{"Scenario":"a"} {"Scenario":"b","Moved":2} {"Scenario":"c","Mo`))
	if len(got) != 2 || got[1].Scenario != "b" || got[1].Moved != 2 {
		t.Errorf("got %v, want the first two", got)
	}
}
