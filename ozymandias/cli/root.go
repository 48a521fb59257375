// Package cli is the ozymandias command but for its node: the subcommands that ask a node, those of a kind in one file.
//
// The commands follow kubectl where they do the same (get, describe, apply -f, logs, exec, -o json). What they print on standard output
// is their result; everything else goes to standard error.
package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/version"
)

// Main runs the command and returns its exit code: 0, 1 for an error, or what the subcommand says. The commands that are given belong to it,
// too.
func Main(args []string, running ...*cobra.Command) int {
	ctx, stop := cmdline.Interruptible()
	defer stop()

	root := Root(running...)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code cmdline.Exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return 130
	}
	fmt.Fprintln(root.ErrOrStderr(), "Error:", err)
	return 1
}

// Root is the ozymandias command, with those that run a node.
func Root(running ...*cobra.Command) *cobra.Command {
	g := &global{}
	root := &cobra.Command{
		Use:   "ozymandias",
		Short: "Run containers on a few machines, without a master",
		Long: `Ozymandias runs containers on a few machines: say what you want in a file close
to docker-compose, and it runs somewhere, stays running, has a name, and answers
on the web.

  ozymandias node                                    # on the first machine
  ozymandias node --join HOST --token-file token     # on each other one
  ozymandias apply -f webapp.yaml                    # on any of them
  ozymandias get jobs,instances,nodes`,
		Version:       version.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("ozymandias {{.Version}}\n")
	root.SetFlagErrorFunc(cmdline.FlagError)
	g.addTo(root)

	root.AddGroup(&cobra.Group{ID: "run", Title: "Running nodes:"}, &cobra.Group{ID: "jobs", Title: "Saying what is to run:"},
		&cobra.Group{ID: "look", Title: "Looking at it:"}, &cobra.Group{ID: "nodes", Title: "Looking after the cluster:"}, &cobra.Group{ID: "other", Title: "Other:"})
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("run", running...)
	add("jobs", applyCommand(g), scaleCommand(g), rollbackCommand(g), deleteCommand(g))
	add("look", getCommand(g), describeCommand(g), explainCommand(g), rolloutCommand(g), logsCommand(g), execCommand(g), topCommand(g))
	add("nodes", drainCommand(g), undrainCommand(g), labelCommand(g), imageCommand(g), secretCommand(g), tokenCommand(g), certificateCommand(g))
	add("other", versionCommand(g))
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	root.InitDefaultCompletionCmd()
	cmdline.RefuseUnknown(root)
	return root
}
