package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"teamtask.dev/client"
)

// changeCommand is a command that does something to each list it is given.
func changeCommand(g *global, verb, short, past string, do func(ctx context.Context, c *client.Client, name string) (string, error)) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME...", Short: short, Args: cobra.MinimumNArgs(1), ValidArgsFunction: g.completeLists,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, names []string) error {
			for _, name := range names {
				more, err := do(ctx, c, name)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "worklist/%s %s%s\n", name, past, more)
			}
			return nil
		}),
	}
}

// patchSpec is a change of one field of the spec.
func patchSpec(field string, value any) func(context.Context, *client.Client, string) (string, error) {
	return func(ctx context.Context, c *client.Client, name string) (string, error) {
		_, err := c.Patch(ctx, name, map[string]any{"spec": map[string]any{field: value}})
		return "", err
	}
}

func pauseCommand(g *global) *cobra.Command {
	return changeCommand(g, "pause", "Suspend a worklist: hand out no more of its blocks", "paused", patchSpec("suspend", true))
}

func resumeCommand(g *global) *cobra.Command {
	return changeCommand(g, "resume", "Hand out blocks of a paused worklist again", "resumed", patchSpec("suspend", nil))
}

func cancelCommand(g *global) *cobra.Command {
	return changeCommand(g, "cancel", "End a worklist for good", "cancelled", patchSpec("cancelled", true))
}

func retryCommand(g *global) *cobra.Command {
	return changeCommand(g, "retry", "Hand out the failed items of a worklist again", "reopened",
		func(ctx context.Context, c *client.Client, name string) (string, error) {
			n, err := c.Retry(ctx, name)
			return fmt.Sprintf(": %s failed items go out again", count(n)), err
		})
}

func deleteCommand(g *global) *cobra.Command {
	return changeCommand(g, "delete", "Delete a worklist with its results", "deleted",
		func(ctx context.Context, c *client.Client, name string) (string, error) {
			return "", c.Delete(ctx, name)
		})
}
