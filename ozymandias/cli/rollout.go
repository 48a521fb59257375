package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

func rolloutCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "rollout", Short: "Follow a deploy"}
	var timeout time.Duration
	status := &cobra.Command{
		Use: "status JOB", Short: "Wait until all instances of a job are up as it is wanted", Args: cmdline.Arguments(1, 1), ValidArgsFunction: g.completeJobs,
		Long: `Wait until all instances of a job are up as it is wanted. The exit code is 0 if they are, 1 if
the deploy failed.`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			within, done := limited(ctx, timeout)
			defer done()
			err := deployed(within, c, cmd.ErrOrStderr(), args[0])
			switch {
			case err == nil:
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "job/%s is up\n", args[0])
			case within.Err() != nil && ctx.Err() == nil:
				err = fmt.Errorf("job %s is not up after %s", args[0], timeout)
			}
			return err
		}),
	}
	status.Flags().DurationVar(&timeout, "timeout", 0, "how long to wait (default for ever)")
	cmd.AddCommand(status)
	return cmd
}

// deployed waits until all instances of a job run what is wanted and are healthy, and says how far it is whenever that changes.
func deployed(ctx context.Context, c *client.Client, w io.Writer, name string) error {
	said := ""
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		j, err := c.Job(ctx, name)
		if err != nil {
			return err
		}
		s := j.Status
		switch s.Phase {
		case v1.Complete:
			return nil
		case v1.Running:
			if s.Current >= s.Wanted && (s.Stable == j.Revision || s.Wanted == 0) {
				return nil
			}
		case v1.Failed, v1.Halted, v1.Reverting, v1.Reverted, v1.Deleting:
			return fmt.Errorf("job %s is %s: %s", name, s.Phase, s.Message)
		}
		now := fmt.Sprintf("%d of %d instances are up at revision %d", s.Current, s.Wanted, j.Revision)
		if s.Message != "" {
			now += "; " + s.Message
		}
		if now != said {
			fmt.Fprintln(w, now)
			said = now
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}
