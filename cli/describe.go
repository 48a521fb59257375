package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/items"
)

func describeCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "describe NAME", Short: "Tell all about a worklist", Args: arguments(1, 1), ValidArgsFunction: g.completeLists,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			wl, err := c.Get(ctx, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), describe(wl))
			return err
		}),
	}
}

func describe(wl *v1alpha1.Worklist) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); text != "" {
			fmt.Fprintf(&b, "%-14s %s\n", name+":", text)
		}
	}
	s := wl.Status
	line("Name", "%s", wl.Name)
	line("Created", "%s (%s ago)", wl.CreationTimestamp.Format(time.RFC3339), age(wl.CreationTimestamp.Time))
	if wl.Spec.Items != nil {
		line("Source", "%s", wl.Spec.Items)
	}
	line("Command", "%s", strings.Join(wl.Spec.Command, " "))
	line("Phase", "%s", s.Phase())
	line("Reason", "%s", s.Reason())
	line("Owner", "%s", s.Owner)
	line("Takeovers", "%d", max(0, s.Epoch-1)) // its first owner took it over from nobody
	b.WriteString("Items:\n")
	for _, x := range []struct {
		name string
		n    int64
	}{{"Size", s.Size}, {"Done", s.Done}, {"Failed", s.Failed}, {"Leased", s.Leased}, {"Waiting", s.Waiting},
		{"Fresh", s.Size - s.Done - s.Failed - s.Leased - s.Waiting}} {
		fmt.Fprintf(&b, "  %-12s %s\n", x.name+":", count(x.n))
	}
	line("Blocks out", "%s, in the hands of %s", count(s.BlocksOut), number(s.Workers, "worker", "workers"))
	line("Rate", "%s", rate(s.Rate()))
	if s.CompletionTime != nil {
		line("Ended", "%s", s.CompletionTime.Format(time.RFC3339))
	}
	source := sourceOf(wl)
	if len(s.DoneRanges) > 0 {
		b.WriteString("Done ranges:\n")
		for _, r := range s.DoneRanges {
			fmt.Fprintf(&b, "  %s\n", withItems(source, r))
		}
	}
	if len(s.FailedRanges) > 0 {
		b.WriteString("Failed ranges:\n")
		for _, r := range s.FailedRanges {
			fmt.Fprintf(&b, "  %s  %s: %s\n", withItems(source, r.Range), number(int64(r.Attempts), "attempt", "attempts"), r.Reason)
		}
	}
	if s.Truncated {
		b.WriteString("  ... and more: `teamtask certificate` has all ranges\n")
	}
	if len(s.Found) > 0 {
		b.WriteString("Found:\n")
		for _, f := range s.Found {
			fmt.Fprintf(&b, "  %s  (item %d, by %s)\n", f.Value, f.Index, f.Worker)
		}
	}
	return b.String()
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

func explainCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "explain NAME", Short: "Answer why a worklist is (not) moving", Args: arguments(1, 1), ValidArgsFunction: g.completeLists,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			e, err := c.Explain(ctx, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(e.Sentences, "\n"))
			return err
		}),
	}
}
