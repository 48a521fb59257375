package cli

import (
	"fmt"
	"io"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
	"teamtask.dev/items"
)

// summarize says how a run ended.
func summarize(w io.Writer, before, s v1alpha1.WorklistStatus, source items.Source) {
	if before.Phase().Over() {
		fmt.Fprintf(w, "There is nothing left to do: %s.\n", s.Reason())
		if s.Failed > 0 {
			fmt.Fprintln(w, "Try the failed ones again with --retry-failed, or everything with --fresh.")
		} else {
			fmt.Fprintln(w, "Run it again with --fresh.")
		}
		return
	}
	if !s.Phase().Over() {
		fmt.Fprintf(w, "Stopped: %s of %s items are done. The same command goes on from here.\n", text.Count(s.Done), text.Count(s.Size))
		return
	}
	fmt.Fprintf(w, "%s: %s\n", s.Phase(), s.Reason())
	for _, f := range s.Found {
		fmt.Fprintf(w, "Found: %s\n", f.Value)
	}
	for i, f := range s.FailedRanges {
		if i == 10 {
			fmt.Fprintln(w, "  ...")
			break
		}
		fmt.Fprintf(w, "  failed: %s: %s\n", itemNames(source, f.Range), f.Reason)
	}
}

// itemNames names the items of a range.
func itemNames(source items.Source, r v1alpha1.Range) string {
	name := func(i int64) string {
		if source != nil {
			if text, err := items.At(source, i); err == nil {
				return text
			}
		}
		return fmt.Sprintf("item %d", i)
	}
	if r.Size == 1 {
		return name(r.Index)
	}
	return fmt.Sprintf("%s to %s (%s items)", name(r.Index), name(r.Index+r.Size-1), text.Count(r.Size))
}

// outcome is the exit code, as GNU parallel's.
func outcome(s v1alpha1.WorklistStatus) error {
	switch {
	case s.Failed > 100:
		return exit(101)
	case s.Failed > 0:
		return exit(s.Failed)
	case s.Phase() != v1alpha1.PhaseComplete:
		return exit(101)
	}
	return nil
}
