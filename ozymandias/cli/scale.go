package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

func scaleCommand(g *global) *cobra.Command {
	var how change
	cmd := &cobra.Command{
		Use: "scale JOB N", Short: "Have a job have so many instances", Args: cmdline.Arguments(2, 2), ValidArgsFunction: g.completeJobs,
		Example: "  ozymandias scale webapp 5",
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[1])
			if err != nil || n < 0 {
				return fmt.Errorf("%q is no number of instances: write one such as 3", args[1])
			}
			applied, err := c.Scale(ctx, args[0], n, how.room)
			if err != nil {
				return err
			}
			return how.print(cmd, applied)
		}),
	}
	how.addTo(cmd)
	return cmd
}

func rollbackCommand(g *global) *cobra.Command {
	var how change
	cmd := &cobra.Command{
		Use: "rollback JOB", Short: "Have a job run again what it ran before the last deploy", Args: cmdline.Arguments(1, 1), ValidArgsFunction: g.completeJobs,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			applied, err := c.RollBack(ctx, args[0], how.room)
			if err != nil {
				return err
			}
			return how.print(cmd, applied)
		}),
	}
	how.addTo(cmd)
	return cmd
}

func deleteCommand(g *global) *cobra.Command {
	wait := true
	cmd := &cobra.Command{
		Use: "delete NAME...", Short: "Have jobs go with their volumes, or forget nodes that are lost", Args: cmdline.Arguments(1, cmdline.Many), ValidArgsFunction: g.completeKinds,
		Example: `  ozymandias delete webapp
  ozymandias delete job/webapp node/n3`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			all, err := things(args)
			if err != nil {
				return err
			}
			var failed []error
			for _, t := range all {
				became, err := remove(ctx, c, t, wait)
				switch {
				case err == nil:
					fmt.Fprintf(cmd.OutOrStdout(), "%s/%s %s\n", t.kind, t.name, became)
				case !errors.As(err, new(*v1.Problem)): // it would be the same with the others
					return errors.Join(append(failed, err)...)
				default:
					failed = append(failed, err)
				}
			}
			return errors.Join(failed...)
		}),
	}
	cmd.Flags().BoolVar(&wait, "wait", true, "wait until nothing of the jobs runs")
	return cmd
}

// remove deletes a job, or has a node be forgotten, and says what became of it.
func remove(ctx context.Context, c *client.Client, t thing, wait bool) (string, error) {
	switch t.kind {
	case "node":
		return "forgotten", c.Forget(ctx, t.name)
	case "instance":
		job, _, _ := strings.Cut(t.name, "-")
		return "", v1.Impossible.New("instance %s belongs to a job, which would start another: scale or delete the job (such as `ozymandias scale %s N`)", t.name, job)
	}
	patience := time.Duration(0)
	if wait {
		patience = time.Minute
	}
	for {
		gone, err := c.Delete(ctx, t.name, patience)
		switch {
		case err == nil && !gone && wait:
			continue
		case err == nil && !gone:
			return "is being deleted: it goes once nothing of it runs", nil
		}
		return "deleted", err
	}
}
