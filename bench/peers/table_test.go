package main

import (
	"errors"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 7},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 2, 100}, 3},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
	values := []float64{3, 1, 2}
	median(values)
	if values[0] != 3 {
		t.Error("median has sorted its argument")
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1_000: "1,000", 12_345: "12,345", 123_456: "123,456", 1_234_567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestTimes(t *testing.T) {
	for ratio, want := range map[float64]string{0.0123: "0.012x", 0.8: "0.8x", 1: "1x", 3.96: "4x", 12.4: "12x", 22_043: "22,043x"} {
		if got := times(ratio); got != want {
			t.Errorf("times(%v) = %s, want %s", ratio, got, want)
		}
	}
}

func TestTable(t *testing.T) {
	for _, c := range []struct {
		name   string
		table  table
		failed int
		want   string
	}{
		{
			"rows that head a column, and others",
			table{"With a server", []*row{
				{name: "ours", column: "1 a call", tasks: 1_000, durable: "yes", rates: []float64{100, 300, 200}},
				{name: "ours in batches", column: "batches", tasks: 1_000, durable: "yes", rates: []float64{40_000, 40_000, 10_000}},
				{name: "slower", tasks: 500, durable: "no", rates: []float64{50, 60, 20}},
				{name: "faster", tasks: 500, durable: "no", rates: []float64{250, 250, 250}},
				{name: "absent", tasks: 1, durable: "no", err: &missingTool{"redis-server", "redis-server"}},
				{name: "broken", tasks: 1, durable: "no", rates: []float64{1}, err: errors.New("no socket")},
			}},
			2,
			`
With a server    tasks  tasks/s  lowest  highest  1 a call  batches  durable
ours             1,000      200     100      300                     yes
ours in batches  1,000   40,000  10,000   40,000                     yes
slower             500       50      20       60        5x     667x  no
faster             500      250     250      250      0.8x     160x  no
absent               1        -       -        -         -        -  SKIPPED: redis-server is missing: apt-get install redis-server (or run install.sh)
broken               1        -       -        -         -        -  FAILED: no socket
`,
		},
		{
			"the row to compare with is not there",
			table{"Without a server", []*row{
				{name: "ours", column: "ours", tasks: 9, durable: "yes", err: errors.New("does not start")},
				{name: "theirs", tasks: 9, durable: "no", rates: []float64{50}},
			}},
			1,
			`
Without a server  tasks  tasks/s  lowest  highest  ours  durable
ours                  9        -       -        -     -  FAILED: does not start
theirs                9       50      50       50     -  no
`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got strings.Builder
			if err := c.table.write(&got); err != nil {
				t.Fatal(err)
			}
			if got.String() != c.want {
				t.Errorf("got\n%s\nwant\n%s", got.String(), c.want)
			}
			if n := c.table.failed(); n != c.failed {
				t.Errorf("%d rows failed, want %d", n, c.failed)
			}
		})
	}
}
