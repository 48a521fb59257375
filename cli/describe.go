package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
)

func describeCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "describe NAME", Short: "Tell all about a worklist", Args: cmdline.Arguments(1, 1), ValidArgsFunction: g.completeLists,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			wl, err := c.Get(ctx, args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text.Describe(wl, "`teamtask certificate` has all ranges"))
			return err
		}),
	}
}

func explainCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "explain NAME", Short: "Answer why a worklist is (not) moving", Args: cmdline.Arguments(1, 1), ValidArgsFunction: g.completeLists,
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
