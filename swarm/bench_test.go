package swarm

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

const (
	manyWorkloads = 1_000_000
	manyWorkers   = 10_000
)

// many is a large pool. Weights are 1 to weights, labels of that many zones and kinds of hardware are required by some.
func many(weights int64, labels bool) instance {
	in := instance{workloads: make([]Workload, manyWorkloads)}
	zones, disks := []string{"a", "b", "c"}, []string{"ssd", "hdd"}
	for i := range in.workloads {
		w := Workload{Name: fmt.Sprintf("stream-%07d", i)}
		if weights > 1 {
			w.Weight = 1 + int64(hash(w.Name)%uint64(weights))
		}
		if labels {
			switch i % 8 {
			case 0, 1:
				w.Require = map[string]string{"zone": zones[i/8%3]}
			case 2:
				w.Require = map[string]string{"disk": disks[i/8%2]}
			case 3:
				w.Require = map[string]string{"zone": zones[i/8%3], "disk": "ssd"}
			}
		}
		in.workloads[i] = w
	}
	for i := range manyWorkers + 1 {
		w := Worker{Name: fmt.Sprintf("worker-%05d", i)}
		if labels {
			w.Labels = map[string]string{"zone": zones[i%3], "disk": disks[i%7%2]}
		}
		in.workers = append(in.workers, w)
	}
	return in
}

func BenchmarkAssign(b *testing.B) {
	for _, c := range []struct {
		name string
		in   instance
	}{
		{"equal", many(1, false)},
		{"labels", many(1, true)},
		{"weights", many(100, false)},
		{"weights-labels", many(100, true)},
	} {
		all := c.in.workers
		c.in.workers = all[:manyWorkers]
		full := c.in.assign(b)
		measure := func(name string, previous Table, workers []Worker) {
			b.Run(c.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				var r Result
				before := cpu()
				for b.Loop() {
					r = instance{previous, c.in.workloads, workers}.assign(b)
				}
				b.ReportMetric(float64((cpu()-before).Milliseconds())/float64(b.N), "cpu-ms/op")
				b.ReportMetric(float64(len(r.Moves)), "moves")
				b.ReportMetric(float64(r.Least), "least")
			})
		}
		measure("scratch", nil, c.in.workers)
		measure("same", full.Table, c.in.workers)
		measure("lost", full.Table, all[1:manyWorkers])
		measure("added", full.Table, all)
	}
}

// cpu is the processor time spent: on a busy machine it tells more than time does.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
