package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
)

func describeCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "describe NAME", Short: "Tell all about a worklist", Args: cobra.ExactArgs(1), ValidArgsFunction: g.completeLists,
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
	line("Phase", "%s", s.Phase)
	line("Reason", "%s", s.Reason)
	line("Owner", "%s", s.Owner)
	line("Takeovers", "%d", s.Epoch)
	b.WriteString("Items:\n")
	for _, x := range []struct {
		name string
		n    int64
	}{{"Size", s.Size}, {"Done", s.Done}, {"Failed", s.Failed}, {"Leased", s.Leased}, {"Waiting", s.Waiting},
		{"Fresh", s.Size - s.Done - s.Failed - s.Leased - s.Waiting}} {
		fmt.Fprintf(&b, "  %-12s %s\n", x.name+":", count(x.n))
	}
	line("Blocks out", "%d, in the hands of %d workers", s.BlocksOut, s.Workers)
	line("Rate", "%s", rate(s.ItemsPerSecond))
	if s.CompletionTime != nil {
		line("Ended", "%s", s.CompletionTime.Format(time.RFC3339))
	}
	if len(s.DoneRanges) > 0 {
		b.WriteString("Done ranges:\n")
		for _, r := range s.DoneRanges {
			fmt.Fprintf(&b, "  [%d,%d)\n", r.Index, r.Index+r.Size)
		}
	}
	if len(s.FailedRanges) > 0 {
		b.WriteString("Failed ranges:\n")
		for _, r := range s.FailedRanges {
			fmt.Fprintf(&b, "  [%d,%d)  %d attempts: %s\n", r.Index, r.Index+r.Size, r.Attempts, r.Reason)
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

func explainCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "explain NAME", Short: "Answer why a worklist is (not) moving", Args: cobra.ExactArgs(1), ValidArgsFunction: g.completeLists,
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
