package text

import (
	"fmt"
	"strings"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/items"
)

// Describe tells all about a list. more says where the ranges are that its status does not show.
func Describe(wl *v1alpha1.Worklist, more string) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			fmt.Fprintf(&b, "%-14s %s\n", name+":", text)
		}
	}
	s := wl.Status
	line("Name", "%s", wl.Name)
	line("Namespace", "%s", wl.Namespace)
	line("Created", "%s (%s ago)", wl.CreationTimestamp.Format(time.RFC3339), Age(wl.CreationTimestamp.Time))
	if wl.Spec.Items != nil {
		line("Source", "%s", wl.Spec.Items)
	}
	line("Command", "%s", strings.Join(wl.Spec.Command, " "))
	line("Phase", "%s", s.Phase())
	line("Reason", "%s", s.Reason())
	if s.Owner != "" {
		line("Owner", "%s", s.Owner)
		line("Takeovers", "%d", max(0, s.Epoch-1)) // its first owner took it over from nobody
	}
	b.WriteString("Items:\n")
	for _, x := range []struct {
		name string
		n    int64
	}{{"Size", s.Size}, {"Done", s.Done}, {"Failed", s.Failed}, {"Leased", s.Leased}, {"Waiting", s.Waiting},
		{"Fresh", s.Size - s.Done - s.Failed - s.Leased - s.Waiting}} {
		fmt.Fprintf(&b, "  %-12s %s\n", x.name+":", Count(x.n))
	}
	line("Blocks out", "%s, in the hands of %s", Count(s.BlocksOut), Number(s.Workers, "worker", "workers"))
	if w := wl.Spec.Workers; w != nil && w.Parallelism != nil {
		line("Worker pods", "%d of %d", s.Replicas, *w.Parallelism)
	}
	line("Rate", "%s", Rate(s.Rate()))
	if s.CompletionTime != nil {
		line("Ended", "%s", s.CompletionTime.Format(time.RFC3339))
	}
	ranges(&b, wl, more)
	if len(s.Found) > 0 {
		b.WriteString("Found:\n")
		for _, f := range s.Found {
			fmt.Fprintf(&b, "  %s  (item %d, by %s)\n", f.Value, f.Index, f.Worker)
		}
	}
	return b.String()
}

// mostRanges is how many of a kind are shown.
const mostRanges = 100

// ranges writes which ranges are done and which failed.
func ranges(b *strings.Builder, wl *v1alpha1.Worklist, more string) {
	s := wl.Status
	source := sourceOf(wl)
	if len(s.DoneRanges) > 0 {
		b.WriteString("Done ranges:\n")
		for _, r := range s.DoneRanges[:min(len(s.DoneRanges), mostRanges)] {
			fmt.Fprintf(b, "  %s\n", withItems(source, r))
		}
	}
	if len(s.FailedRanges) > 0 {
		b.WriteString("Failed ranges:\n")
		for _, r := range s.FailedRanges[:min(len(s.FailedRanges), mostRanges)] {
			fmt.Fprintf(b, "  %s  %s: %s\n", withItems(source, r.Range), Number(int64(r.Attempts), "attempt", "attempts"), r.Reason)
		}
	}
	if s.Truncated || max(len(s.DoneRanges), len(s.FailedRanges)) > mostRanges {
		fmt.Fprintf(b, "  ... and more: %s\n", more)
	}
}

// sourceOf is the source of a list's items, or nil where there is none, or it takes more than the manifest to know them.
func sourceOf(wl *v1alpha1.Worklist) items.Source {
	if wl.Spec.Items == nil {
		return nil
	}
	source, err := wl.Spec.Items.Build(nil)
	if err != nil {
		return nil
	}
	return source
}

// withItems writes a range with its first and its last item, where they are known.
func withItems(source items.Source, r v1alpha1.Range) string {
	text := fmt.Sprintf("[%d,%d)", r.Index, r.Index+r.Size)
	if source == nil {
		return text
	}
	first, err1 := items.At(source, r.Index)
	last, err2 := items.At(source, r.Index+r.Size-1)
	switch {
	case err1 != nil || err2 != nil:
		return text
	case r.Size == 1:
		return text + "  " + first
	}
	return text + "  " + first + " to " + last
}

// Place tells where an item is.
func Place(p v1alpha1.Place) string {
	by := ""
	if p.Worker != "" {
		by = ", worker " + p.Worker
	}
	return fmt.Sprintf("index %d: %s%s", p.Index, p.Place, by)
}
