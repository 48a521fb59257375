// Command swarm compares strategies that assign standing workloads to workers: the same workloads and workers, changed in
// the same way, for each. It prints how many workloads each of them moves, beside the fewest that had to be moved, how
// even the tables are and how much time a decision takes.
//
//	go run ./swarm
//
// Nothing is random but by fixed seeds: all but the times is the same in every run. A strategy is measured in a process of
// its own, which ends when it has used up its time; what it has not come to by then is a dash.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// A size is what a pool begins with, how many random changes it sees, and how often all of it is measured.
type size struct{ workloads, workers, churn, times int }

var sizes = []size{
	{26, 2, 100, 11},
	{1_000, 10, 100, 5},
	{100_000, 1_000, 100, 1},
	{1_000_000, 10_000, 10, 1},
}

func main() {
	limit := flag.Duration("limit", 2*time.Minute, "processor time that a strategy may take for a size, in whole seconds from 1")
	only := flag.String("strategy", "", "measure just this one, at the size given, and print the outcomes as JSON")
	var at size
	flag.IntVar(&at.workloads, "workloads", 1_000, "with -strategy: workloads")
	flag.IntVar(&at.workers, "workers", 10, "with -strategy: workers")
	flag.IntVar(&at.churn, "churn", 100, "with -strategy: random changes")
	flag.IntVar(&at.times, "times", 1, "with -strategy: how often")
	flag.Parse()
	var err error
	if *only != "" {
		err = measureOne(*only, at, *limit)
	} else {
		err = compare(*limit)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "swarm:", err)
		os.Exit(1)
	}
}

func compare(limit time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var comparisons []comparison
	var failed error
	for _, at := range sizes {
		c := comparison{size: at}
		for _, s := range strategies {
			fmt.Fprintf(os.Stderr, "%s workloads: %s\n", grouped(at.workloads), s.name)
			outcomes, err := apart(ctx, s, at, limit)
			if ctx.Err() != nil {
				return errors.New("interrupted")
			}
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s, %d workloads: %w", s.name, at.workloads, err))
			}
			c.rows = append(c.rows, row{s.name, outcomes})
		}
		comparisons = append(comparisons, c)
	}
	return errors.Join(write(os.Stdout, comparisons, limit), failed)
}
