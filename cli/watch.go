package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/client"
)

// listsOnly is how many arguments a command takes that is about worklists, which end.
func listsOnly(most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			if o, err := cmdline.Objects(args); err == nil && o[0].Kind == v1alpha1.SwarmKind {
				return fmt.Errorf("a swarm has no end to %s for: `teamtask get swarm %s --watch` shows what changes", cmd.Name(), o[0].Name)
			}
		}
		return cmdline.Arguments(1, most)(cmd, args)
	}
}

func watchCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "watch NAME", Short: "Follow the progress of a worklist until it is over", Args: listsOnly(1), ValidArgsFunction: g.completeLists,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			if _, err := c.Get(ctx, args[0]); err != nil {
				return err
			}
			p := newProgress(cmd.ErrOrStderr())
			status, err := p.follow(ctx, c, args[0])
			p.end()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", status.Phase(), status.Reason())
			return err
		}),
	}
}

func waitCommand(g *global) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "wait NAME...", Short: "Wait until worklists are over", Args: listsOnly(cmdline.Many), ValidArgsFunction: g.completeLists,
		Long: "Wait until worklists are over. The exit code is 0 if all of them are complete without failed items, 1 otherwise.",
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			for _, name := range args { // before a long wait for the first
				if _, err := c.Get(ctx, name); err != nil {
					return err
				}
			}
			code := exit(0)
			for _, name := range args {
				var status v1alpha1.WorklistStatus
				for s, err := range c.Watch(ctx, name) {
					if err != nil {
						if ctx.Err() == context.DeadlineExceeded {
							return fmt.Errorf("worklist %s is not over after %s", name, timeout)
						}
						return err
					}
					status = s
				}
				if ctx.Err() == context.DeadlineExceeded && !status.Phase().Over() {
					return fmt.Errorf("worklist %s is not over after %s: %s of its items are done", name, timeout, v1alpha1.Progress(status.Done, status.Size))
				}
				if !status.Phase().Over() {
					return ctx.Err()
				}
				fmt.Fprintf(cmd.OutOrStdout(), "worklist/%s %s: %s\n", name, status.Phase(), status.Reason())
				if status.Phase() != v1alpha1.PhaseComplete || status.Failed > 0 {
					code = 1
				}
			}
			if code != 0 {
				return code
			}
			return nil
		}),
	}
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "how long to wait (default for ever)")
	return cmd
}
