package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

func rolloutCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "rollout", Short: "Follow a deploy, or take one back"}
	var timeout time.Duration
	status := &cobra.Command{
		Use: "status JOB", Short: "Wait until all instances of a job are up as it is wanted", Args: cmdline.Arguments(1, 1), ValidArgsFunction: first(g.completeJobs()),
		Long: `Wait until all instances of a job are up as it is wanted. The exit code is 0 if they are, 1 if
the deploy failed.`,
		Example: `  ozymandias rollout status webapp
  ozymandias apply -f webapp.yaml && ozymandias rollout status webapp --timeout 5m`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			name := bare("job", args[0])
			within, done := limited(ctx, timeout)
			defer done()
			err := deployed(within, c, cmd.ErrOrStderr(), name)
			switch {
			case err == nil:
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "job/%s is up\n", name)
			case within.Err() != nil && ctx.Err() == nil:
				err = fmt.Errorf("job %s is not up after %s", name, timeout)
			}
			return err
		}),
	}
	status.Flags().DurationVar(&timeout, "timeout", 0, "how long to wait (default for ever)")
	undo := rollbackCommand(g) // kubectl's name for it
	undo.Use, undo.Example = "undo JOB", ""
	cmd.AddCommand(status, undo)
	return cmd
}

// mostAiling is how many instances it is said of what is wrong with them.
const mostAiling = 3

// ailing says what is wrong with instances of the revision that is wanted, each behind the mark.
func ailing(j v1.Job, mark string) string {
	var said strings.Builder
	n := 0
	for _, in := range j.Instances {
		if !in.Healthy && !in.Leaving && in.Message != "" && in.Revision == j.Revision && n < mostAiling {
			fmt.Fprintf(&said, "%s%s: %s", mark, in.Name, in.Message)
			n++
		}
	}
	return said.String()
}

// deployed waits until all instances of a job run what is wanted and are healthy, and says how far it is whenever that changes.
func deployed(ctx context.Context, c *client.Client, w io.Writer, name string) error {
	said := ""
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		look, done := cmdline.Look(ctx)
		j, err := c.Job(look, name)
		done()
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
			return fmt.Errorf("job %s is %s: %s%s", name, s.Phase, s.Message, ailing(j, "\n"))
		}
		now := fmt.Sprintf("%d of %d instances are up at revision %d", s.Current, s.Wanted, j.Revision)
		if s.Message != "" {
			now += "; " + s.Message
		}
		now += ailing(j, "; ")
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
