package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/change"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/client"
)

// changeCommand is a command that does something to each list it is given; do says what became of it.
func changeCommand(g *global, verb, short string, do func(ctx context.Context, c *client.Client, name string) (string, error)) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME...", Short: short, Args: cmdline.Arguments(1, cmdline.Many), ValidArgsFunction: g.completeLists,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, names []string) error {
			for _, name := range names {
				became, err := do(ctx, c, name)
				var p *client.Problem
				if errors.As(err, &p) && p.Status == http.StatusForbidden { // by a tier, which says where to ask instead
					return fmt.Errorf("%w %s %s", err, verb, name)
				}
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "worklist/%s %s\n", name, became)
			}
			return nil
		}),
	}
}

// verbCommand is the command of a change to the spec.
func verbCommand(g *global, v change.Verb) *cobra.Command {
	return changeCommand(g, v.Name, v.Short, func(ctx context.Context, c *client.Client, name string) (string, error) {
		wl, err := c.Get(ctx, name)
		if err != nil {
			return "", err
		}
		if why := v.Idle(wl); why != "" {
			return why, nil
		}
		_, err = c.Patch(ctx, name, v.Patch())
		return v.Done, err
	})
}

func retryCommand(g *global) *cobra.Command {
	return changeCommand(g, "retry", change.RetryShort, func(ctx context.Context, c *client.Client, name string) (string, error) {
		before, err := c.Get(ctx, name)
		if err != nil {
			return "", err
		}
		if before.Spec.Cancelled {
			return change.NotCancelled(before), nil
		}
		n, err := c.Retry(ctx, name)
		if err != nil || n > 0 {
			return change.Reopened(int64(n)), err
		}
		after, err := c.Get(ctx, name)
		if err != nil || before.Status.Phase().Over() && !after.Status.Phase().Over() {
			return change.Reopened(0), err
		}
		return change.NothingToRetry, nil
	})
}

func deleteCommand(g *global) *cobra.Command {
	return changeCommand(g, "delete", "Delete a worklist with its results", func(ctx context.Context, c *client.Client, name string) (string, error) {
		return "deleted", c.Delete(ctx, name)
	})
}
