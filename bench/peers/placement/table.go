package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

const legend = `first     instances come one by one: the part in use of the scarcest of memory, disk and processors when the first is refused.
fitted    of those first ones, how many would have fitted with moves, in brackets with one; +? is what is not known of.
last      the part in use after 20 refusals.
moves     of instances that run, for each that is admitted.
time      processor time for a decision, refusals included.
needed    a set comes all at once, the largest first: nodes that it takes, as a multiple of a bound that nothing can be below.
`

func write(w io.Writer, rows []row) error {
	fmt.Fprint(w, legend)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for i, r := range rows {
		if i == 0 || r.shape != rows[i-1].shape || r.nodes != rows[i-1].nodes {
			fmt.Fprintf(t, "\n%-28s\tfirst\tfitted\tlast\tmoves\ttime\tneeded\t\n", fmt.Sprintf("%s, %d nodes", r.shape, r.nodes))
		}
		fmt.Fprintf(t, "  %-26s\t%.1f%%\t%s\t%.1f%%\t%.2f\t%s\t%.3f\t\n", r.rule, 100*r.first, r.wasted(), 100*r.last, r.moves, short(r.took), r.needed)
	}
	return t.Flush()
}

// wasted tells of the refusals that need not have been.
func (r row) wasted() string {
	text := fmt.Sprintf("%.0f%% (%.0f%%)", 100*r.fitted, 100*r.one)
	if r.unknown > 0.001 {
		text += fmt.Sprintf(" +?%.0f%%", 100*r.unknown)
	}
	return text
}

// short is a duration with two digits or so.
func short(d time.Duration) string {
	digit := time.Duration(1)
	for d/digit >= 100 {
		digit *= 10
	}
	return d.Round(digit).String()
}
