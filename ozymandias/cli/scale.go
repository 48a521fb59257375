package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/jobfile"
)

func scaleCommand(g *global) *cobra.Command {
	var how change
	cmd := &cobra.Command{
		Use: "scale JOB N", Short: "Have a job have so many instances; 0 keeps the job and its volumes", Args: cmdline.Arguments(2, 2), ValidArgsFunction: first(g.completeJobs()),
		Example: `  ozymandias scale webapp 5
  ozymandias scale webapp 0 --dry-run`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[1])
			if err != nil || n < 0 {
				return noNumber(args[1])
			}
			applied, err := c.Scale(ctx, bare("job", args[0]), n, how.room)
			if err != nil {
				return err
			}
			return how.print(cmd, applied)
		}),
	}
	how.addTo(cmd)
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var unknown *pflag.NotExistError
		if errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "" {
			if _, err := strconv.Atoi(unknown.GetSpecifiedShortnames()); err == nil {
				return noNumber("-" + unknown.GetSpecifiedShortnames())
			}
		}
		return cmdline.FlagError(cmd, err)
	})
	return cmd
}

// noNumber is the error of a number of instances that is none.
func noNumber(word string) error {
	return fmt.Errorf("%q is no number of instances: write one, 0 or more", word)
}

func rollbackCommand(g *global) *cobra.Command {
	var how change
	cmd := &cobra.Command{
		Use: "rollback JOB", Short: "Have a job run again what it ran before the last deploy", Args: cmdline.Arguments(1, 1), ValidArgsFunction: first(g.completeJobs()),
		SuggestFor: []string{"undo"},
		Example: `  ozymandias rollback webapp
  ozymandias rollout status webapp   # waits until it is through`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			applied, err := c.RollBack(ctx, bare("job", args[0]), how.room)
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
	var files []string
	cmd := &cobra.Command{
		Use: "delete NAME...", Short: "Have jobs go with their volumes, or forget nodes that are lost", ValidArgsFunction: g.completeKinds,
		Long: `Have jobs go with their volumes, at once and without a question, or forget nodes that are lost. A
NAME is a job's; write node/NAME, or node NAME, for a node. The command waits until all is gone.`,
		SuggestFor: []string{"remove", "rm", "down"},
		Example: `  ozymandias delete webapp
  ozymandias delete -f webapp.yaml   # the jobs that the file names
  ozymandias delete job/webapp node/n3`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(files) == 0:
				return cmdline.Arguments(1, cmdline.Many)(cmd, args)
			case len(args) > 0:
				return errors.New("-f names the jobs: leave out the names")
			}
			return nil
		},
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			all, err := things(args)
			if err == nil && len(files) > 0 {
				all, err = named(ctx, files, cmd.InOrStdin())
			}
			if err != nil {
				return err
			}
			return forEach(all, func(t thing) error {
				became, err := remove(ctx, c, t, wait)
				if err == nil {
					fmt.Fprintf(cmd.OutOrStdout(), "%s/%s %s\n", t.kind, t.name, became)
				}
				return err
			})
		}),
	}
	cmd.Flags().BoolVar(&wait, "wait", true, "wait until nothing of the jobs runs")
	cmd.Flags().StringArrayVarP(&files, "filename", "f", nil, "job file, or directory of job files, whose jobs are meant; - for standard input")
	return cmd
}

// named are the jobs of files.
func named(ctx context.Context, files []string, stdin io.Reader) (all []thing, err error) {
	sources, err := sources(files)
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		body, err := s.read(ctx, stdin)
		if err != nil {
			return nil, err
		}
		jobs, _, err := jobfile.Parse(s.name, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		for _, j := range jobs {
			if t := (thing{"job", j.Name}); !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	return all, nil
}

// remove deletes a job, or has a node be forgotten, and says what became of it.
func remove(ctx context.Context, c *client.Client, t thing, wait bool) (string, error) {
	switch t.kind {
	case "node":
		return "forgotten", c.Forget(ctx, t.name)
	case "instance":
		in, err := c.Instance(ctx, t.name) // where its job's name ends in its own only the node knows
		if err != nil {
			return "", err
		}
		return "", v1.Impossible.New("instance %s belongs to a job, which would start another: scale or delete the job (such as `ozymandias scale %s N`)", t.name, in.Job)
	}
	patience := time.Duration(0)
	if wait {
		patience = math.MaxInt64 // as long as it takes
	}
	gone, err := c.Delete(ctx, t.name, patience)
	if err == nil && !gone {
		return "is being deleted: it goes once nothing of it runs", nil
	}
	return "deleted", err
}
