package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A table compares rows with those among them that head a column.
type table struct {
	title string
	rows  []*row
}

// write prints a line for each row: its tasks per second, and how many times as many the rows did that head a column.
func (t *table) write(w io.Writer) error {
	references := slices.DeleteFunc(slices.Clone(t.rows), func(r *row) bool { return r.column == "" })
	heading := []string{t.title, "tasks", "tasks/s", "lowest", "highest"}
	for _, reference := range references {
		heading = append(heading, reference.column)
	}
	lines := [][]string{append(heading, "durable")}
	for _, r := range t.rows {
		lines = append(lines, r.cells(references))
	}
	_, err := io.WriteString(w, "\n"+aligned(lines))
	return err
}

// failed counts the rows that were not measured.
func (t *table) failed() (n int) {
	for _, r := range t.rows {
		if r.err != nil {
			n++
		}
	}
	return n
}

func (r *row) cells(references []*row) []string {
	cells := []string{r.name, grouped(r.tasks), "-", "-", "-"}
	if r.err == nil {
		for i, rate := range []float64{median(r.rates), slices.Min(r.rates), slices.Max(r.rates)} {
			cells[2+i] = grouped(int(math.Round(rate)))
		}
	}
	for _, reference := range references {
		switch {
		case r.err != nil || reference.err != nil:
			cells = append(cells, "-")
		case slices.Contains(references, r):
			cells = append(cells, "") // it is what the others are compared with
		default:
			cells = append(cells, times(median(ratios(reference.rates, r.rates))))
		}
	}
	if r.err != nil {
		return append(cells, r.outcome())
	}
	return append(cells, r.durable)
}

// ratios are those of the rounds.
func ratios(rates, others []float64) []float64 {
	out := make([]float64, len(rates))
	for round := range out {
		out[round] = rates[round] / others[round]
	}
	return out
}

// aligned puts cells below each other: words, which come first and last, on the left, and the numbers between on the right.
func aligned(lines [][]string) string {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], len(cell))
		}
	}
	var out strings.Builder
	for _, line := range lines {
		last := len(line) - 1
		fmt.Fprintf(&out, "%-*s", widths[0], line[0])
		for i := 1; i < last; i++ {
			fmt.Fprintf(&out, "  %*s", widths[i], line[i])
		}
		fmt.Fprintf(&out, "  %s\n", line[last])
	}
	return out.String()
}

// times is a ratio with the two digits that a machine with other work to do may repeat.
func times(ratio float64) string {
	if ratio >= 10 {
		return grouped(int(math.Round(ratio))) + "x"
	}
	return strconv.FormatFloat(ratio, 'g', 2, 64) + "x"
}

// grouped is a number with its digits in groups of three.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
