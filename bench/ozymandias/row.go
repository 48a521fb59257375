package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// row prints a figure, and what it is to be held against, if anything.
func row(what, value, beside string) { fmt.Printf("%-60s %22s   %s\n", what, value, beside) }

// quantile is the least value that such a part of all is not above.
func quantile(all []time.Duration, part float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[max(0, int(math.Ceil(part*float64(len(sorted))))-1)]
}

// typical is the middle of all, and one that is hardly exceeded; of fewer than a hundred, the longest.
func typical(all []time.Duration) string {
	if len(all) < 100 {
		return fmt.Sprintf("%s, at most %s", short(quantile(all, 0.5)), short(quantile(all, 1)))
	}
	return fmt.Sprintf("%s, p99 %s", short(quantile(all, 0.5)), short(quantile(all, 0.99)))
}

// short is a duration with three digits.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.3g µs", d.Seconds()*1e6)
}

// times is a as a multiple of b.
func times(a, b time.Duration) string { return fmt.Sprintf("%.2g", a.Seconds()/b.Seconds()) }
