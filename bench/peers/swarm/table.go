package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// A comparison is of all strategies at one size. The first is the one that the others' times are compared with.
type comparison struct {
	size
	rows []row
}

// A row is a strategy with its outcomes, in all scenarios that it came to.
type row struct {
	strategy string
	outcomes []outcome
}

const legend = `moved     workloads that had a worker and have another one now. What is new is not moved.
of ours   that as a multiple of what Teamtask moved, or the time as a multiple of its time.
fewest    the fewest that any table with loads that differ by at most 1 moves, coming from the table that the strategy had.
ratio     moved to fewest. Below 1 the table was left less even than it could be: to even it out would take more moves.
peak      the highest load of a worker as a multiple of the mean, in the worst step.
spread    the highest load less the lowest, in the worst step. A balanced table has 0 or 1.
time      for a step, without translating names to what the strategy works on and back, and without other work on the machine.
-         with all that comes before, it takes more than %s of the processor's time.
`

// write prints a table for each scenario.
func write(w io.Writer, comparisons []comparison, limit time.Duration) error {
	if _, err := fmt.Fprintf(w, legend, limit); err != nil {
		return err
	}
	for _, s := range scenarios {
		if s.title == "" {
			continue
		}
		if err := writeScenario(w, s.title, comparisons); err != nil {
			return err
		}
	}
	return nil
}

// writeScenario aligns the numbers on the right, so the names are padded.
func writeScenario(w io.Writer, title string, comparisons []comparison) error {
	const name = "%-37s\t"
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "\n%s\n\n", title)
	for _, c := range comparisons {
		fmt.Fprintf(t, name, fmt.Sprintf("%s workloads, m = %s", grouped(c.workloads), grouped(c.workers)))
		fmt.Fprint(t, "moved\tof ours\tfewest\tratio\tpeak\tspread\ttime\tof ours\t\n")
		reference, compared := c.rows[0].median(title)
		for _, r := range c.rows {
			fmt.Fprintf(t, name, "  "+r.strategy)
			o, ok := r.median(title)
			if !ok {
				fmt.Fprint(t, strings.Repeat("-\t", 8), "\n")
				continue
			}
			moves, times := "-", "-"
			if compared {
				moves, times = ratio(o.Moved, reference.Moved), ratio(o.Seconds, reference.Seconds)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.2f\t%s\t%s\t%s\t\n", grouped(o.Moved), moves, grouped(o.Fewest), ratio(o.Moved, o.Fewest),
				o.Peak, grouped(o.Spread), short(o.Seconds), times)
		}
	}
	return t.Flush()
}

// median is the outcome in a scenario with the middle one of the times; the rest of it is the same in every run.
func (r row) median(title string) (o outcome, ok bool) {
	runs := slices.Clone(r.outcomes)
	runs = slices.DeleteFunc(runs, func(o outcome) bool { return o.Scenario != title })
	if len(runs) == 0 {
		return outcome{}, false
	}
	slices.SortFunc(runs, func(a, b outcome) int { return cmp.Compare(a.Seconds, b.Seconds) })
	return runs[len(runs)/2], true
}

// ratio has two digits. That of nothing to nothing is 1: it is as good as it can be.
func ratio[N int | float64](a, b N) string {
	r := float64(a) / float64(b)
	switch {
	case a == b:
		return "1"
	case b == 0:
		return "inf"
	case r >= 10:
		return grouped(int(math.Round(r)))
	}
	return strconv.FormatFloat(r, 'g', 2, 64)
}

// short is a duration with two digits.
func short(seconds float64) string {
	d, digit := time.Duration(seconds*float64(time.Second)), time.Duration(1)
	for d/digit >= 100 {
		digit *= 10
	}
	return d.Round(digit).String()
}

// grouped is a number with its digits in groups of three.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
