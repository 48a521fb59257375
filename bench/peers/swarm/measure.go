package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// An outcome is what a strategy did in one scenario.
type outcome struct {
	Scenario string
	Moved    int     // workloads, in all steps
	Fewest   int     // that they could have been, from the same tables to balanced ones
	Peak     float64 // the highest load of a worker as a multiple of the mean, in the worst step
	Spread   int     // the highest load less the lowest, in the worst step
	Seconds  float64 // for a step
}

// measure takes a strategy through all scenarios as often as is asked, and writes down the outcome of each as soon as
// it is known: the process may end before all are.
func measure(s strategy, at size, w io.Writer) error {
	out := json.NewEncoder(w)
	for range at.times {
		r, err := begin(s, at)
		if err != nil {
			return err
		}
		for _, sc := range scenarios {
			o, err := r.play(sc)
			if err != nil {
				return fmt.Errorf("%s: %w", sc.title, err)
			}
			if sc.title == "" {
				continue
			}
			if err := out.Encode(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// run is one pool's life.
type run struct {
	assign assign
	pool   *pool
	churn  int
	table  map[string]string
}

// begin makes the first table.
func begin(s strategy, at size) (*run, error) {
	r := &run{assign: s.start(), pool: newPool(at.workloads, at.workers), churn: at.churn}
	if err := r.step(nil); err != nil {
		return nil, fmt.Errorf("the first table: %w", err)
	}
	return r, nil
}

func (r *run) play(s scenario) (outcome, error) {
	steps := s.steps
	if steps == 0 {
		steps = r.churn
	}
	o := outcome{Scenario: s.title}
	for range steps {
		s.change(r.pool)
		if err := r.step(&o); err != nil {
			return o, err
		}
	}
	o.Seconds /= float64(steps)
	return o, nil
}

// step assigns what there is now, and adds how that went to an outcome if there is one.
func (r *run) step(o *outcome) error {
	runtime.GC() // what was done before is not charged
	var took time.Duration
	table, err := r.assign(r.table, r.pool.workloads, r.pool.workers, func(decide func()) {
		took = timeOf(decide)
	})
	if err != nil {
		return err
	}
	loads, err := loads(table, r.pool.workloads, r.pool.workers)
	if err != nil {
		return err
	}
	if o != nil {
		highest, lowest := slices.Max(loads), slices.Min(loads)
		o.Moved += moved(r.table, table)
		o.Fewest += fewestMoves(r.table, r.pool.workloads, r.pool.workers)
		o.Peak = max(o.Peak, float64(highest*len(loads))/float64(len(r.pool.workloads)))
		o.Spread = max(o.Spread, highest-lowest)
		o.Seconds += took.Seconds()
	}
	r.table = table
	return nil
}

// timeOf is the time that f takes by the clock, of which at most 10 ms may have gone to other work on the machine. The
// processor time alone would not do: some kernels count it in ticks.
func timeOf(f func()) time.Duration {
	used, begun := processorTime(), time.Now()
	f()
	elapsed := time.Since(begun)
	return min(elapsed, processorTime()-used+10*time.Millisecond)
}

// processorTime is what this process has had so far.
func processorTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic(err) // it cannot be: the clock is there on every Linux
	}
	return time.Duration(t.Nano())
}

// loads are how many workloads each worker has. A table is valid if each workload has a worker that there is, and no others
// are in it.
func loads(table map[string]string, workloads, workers []string) ([]int, error) {
	loads := make([]int, len(workers))
	places := places(workers)
	for _, workload := range workloads {
		worker, ok := table[workload]
		if !ok {
			return nil, fmt.Errorf("%s has no worker", workload)
		}
		place, ok := places[worker]
		if !ok {
			return nil, fmt.Errorf("%s is with %q, which is not there", workload, worker)
		}
		loads[place]++
	}
	if len(table) > len(workloads) {
		return nil, fmt.Errorf("the table has %d workloads, and there are %d", len(table), len(workloads))
	}
	return loads, nil
}
