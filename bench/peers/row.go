package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// A row is one system, set up in one way, and what was measured of it.
type row struct {
	name    string
	column  string // heads a column that compares every row with this one; empty for none
	tasks   int
	durable string // what was on disk when a completion was acknowledged
	// drain has all tasks done and returns how long that took, without what came before and after. What it starts has
	// ended when it returns. It may use dir as it likes.
	drain func(ctx context.Context, dir string, tasks int) (time.Duration, error)

	rates []float64 // tasks per second, one of each round
	err   error     // why there are none
}

// measure adds a round.
func (r *row) measure(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	took, err := r.drainIn(ctx)
	if err != nil {
		r.err = err
		return
	}
	r.rates = append(r.rates, float64(r.tasks)/took.Seconds())
}

func (r *row) drainIn(ctx context.Context) (took time.Duration, err error) {
	dir, err := os.MkdirTemp("", "peers-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return r.drain(ctx, dir, r.tasks)
}

func (r *row) progress() string {
	if r.err != nil {
		return r.name + ": " + r.outcome()
	}
	return fmt.Sprintf("%s: %.0f tasks/s", r.name, r.rates[len(r.rates)-1])
}

// outcome says why a row was not measured.
func (r *row) outcome() string {
	if missing := (*missingTool)(nil); errors.As(r.err, &missing) {
		return "SKIPPED: " + missing.Error()
	}
	return "FAILED: " + r.err.Error()
}

// median of at least one value.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}
