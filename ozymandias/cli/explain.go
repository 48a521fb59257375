package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/client"
)

func explainCommand(g *global) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "explain [NAME]", Short: "Answer why something does not run, or would not fit",
		Example: `  ozymandias explain                  # what waits, and can any node be lost?
  ozymandias explain webapp           # why does it (not) run?
  ozymandias explain node n1          # why does it (not) run anything, and what if it dies?
  ozymandias explain -f webapp.yaml   # would it fit, and where?`,
		SuggestFor: []string{"why", "diff"},
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case file != "" && len(args) > 0:
				return errors.New("-f asks about a file: leave out the name")
			case len(args) == 0:
				return nil
			case len(args) > 2 || len(args) == 2 && kindOf(args[0]) == "":
				return cmdline.Arguments(0, 1)(cmd, args)
			}
			return nil
		},
		ValidArgsFunction: g.completeKinds,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			sentences, err := explain(ctx, c, cmd, args, file)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(sentences, "\n"))
			return err
		}),
	}
	cmd.Flags().StringVarP(&file, "filename", "f", "", "job file that is not applied yet; - for standard input")
	return cmd
}

func explain(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string, file string) ([]string, error) {
	if file != "" {
		sources, err := sources([]string{file})
		if err != nil {
			return nil, err
		}
		if len(sources) > 1 {
			return nil, fmt.Errorf("%s is a directory: name one file", file)
		}
		body, err := sources[0].read(ctx, cmd.InOrStdin())
		if err != nil {
			return nil, err
		}
		return c.ExplainFile(ctx, sources[0].name, body)
	}
	if len(args) == 0 {
		return c.Explain(ctx)
	}
	of, err := meant(ctx, c, args)
	if err != nil {
		return nil, err
	}
	switch of.kind {
	case "node":
		return c.ExplainNode(ctx, of.name)
	case "instance":
		in, err := c.Instance(ctx, of.name)
		if err != nil {
			return nil, err
		}
		return c.ExplainJob(ctx, in.Job)
	}
	return c.ExplainJob(ctx, of.name)
}
