package plugin

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/plugin/explain"
)

func describeCommand(a *access) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "describe NAME", Short: "Tell all about a worklist", Args: cmdline.Arguments(1, 1), ValidArgsFunction: a.completeLists(1),
		Long: `Tells all about a worklist: how many items are where, which ranges are done, which failed and why,
and what was found. With -o it is the object itself.`,
		RunE: a.with(func(ctx context.Context, s *session, cmd *cobra.Command, args []string) error {
			wl, err := s.worklist(ctx, args[0])
			if err != nil {
				return err
			}
			if output != "" {
				wl.ManagedFields = nil
				return text.Object(cmd.OutOrStdout(), output, wl)
			}
			more := fmt.Sprintf("`kubectl get worklist %s --output=yaml` has all ranges", wl.Name)
			_, err = fmt.Fprint(cmd.OutOrStdout(), text.Describe(wl, more))
			return err
		}),
	}
	cmdline.OutputFlag(cmd, cmd.Flags(), &output, "json", "yaml")
	return cmd
}

func explainCommand(a *access) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "explain NAME", Short: "Answer why a worklist is (not) moving", Args: cmdline.Arguments(1, 1), ValidArgsFunction: a.completeLists(1),
		Long: `Answers why a worklist is, or is not, moving. The first line is the answer: it is suspended, or
waits for another list; its spec cannot be worked on; no worker asks for its items, and why, as far
as pods, Jobs, quotas and events tell; it waits for workers that have fallen silent; or there is no
controller that acts. The others are details: who holds which items since when, what rests, which
limits are reached, what failed, and the warnings of the last minutes.

It looks at whatever you may read, and names what you may not.`,
		Example: `  kubectl teamtask explain primes
  kubectl teamtask explain primes -o json | jq -r '.sentences[0]'`,
		RunE: a.with(func(ctx context.Context, s *session, cmd *cobra.Command, args []string) error {
			facts, err := s.gather(ctx, args[0])
			if err != nil {
				return err
			}
			e := v1alpha1.Explanation{Phase: facts.List.Status.Phase(), Sentences: explain.Sentences(*facts)}
			if output != "" {
				return text.Object(cmd.OutOrStdout(), output, e)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(e.Sentences, "\n"))
			return err
		}),
	}
	cmdline.OutputFlag(cmd, cmd.Flags(), &output, "json", "yaml")
	return cmd
}
