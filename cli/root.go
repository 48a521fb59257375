// Package cli is the teamtask command: the subcommands, those of a kind in one file.
//
// The commands follow kubectl where they do the same (get, describe, apply -f, -o json) and GNU parallel where they run
// commands ({}, --joblog, exit codes). What they print on standard output is their result; everything else goes to
// standard error.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/change"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/version"
)

// exit ends the command with a code and nothing more to say.
type exit = cmdline.Exit

// Main runs the command and returns its exit code: 0, 1 for an error, or what the subcommand says.
func Main(args []string) int {
	ctx, stop := cmdline.Interruptible()
	defer stop()

	root := Root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var code exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return 130
	}
	fmt.Fprintln(root.ErrOrStderr(), "Error:", err)
	if errors.As(err, new(otherError)) {
		return 255
	}
	return 1
}

// otherError is an error of a command whose exit codes count failed items: it ends with 255, as GNU parallel does.
type otherError struct{ error }

func (e otherError) Unwrap() error { return e.error }

// Root is the teamtask command.
func Root() *cobra.Command {
	g := &global{}
	root := &cobra.Command{
		Use:   "teamtask",
		Short: "Share out long lists of items among workers",
		Long: `Teamtask shares out long lists of items among workers, so that every item is done,
none is counted twice, and losing a worker costs only what it had in hand.

On one machine, without a server:
  teamtask run --range 1..1000 -- echo {}

On several machines:
  teamtask serve --listen :7070                              on one
  teamtask create primes --range 1..1000000000               anywhere
  teamtask work primes -- ./check-primes {start} {end}       on as many as you like

Work that never ends, such as streams to follow, is a swarm: each workload has one worker at a time.
  teamtask apply -f streams.yaml                             anywhere
  teamtask join streams -- ./record {workload}               on as many as you like`,
		Version:       version.Version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetVersionTemplate("teamtask {{.Version}}\n")
	root.SetFlagErrorFunc(cmdline.FlagError)
	f := root.PersistentFlags()
	f.StringVarP(&g.server, "server", "s", "", "URL of the List server (default $TEAMTASK_SERVER, or the server on this machine)")
	f.StringVar(&g.token, "token", "", "the server's token (default $TEAMTASK_TOKEN, or that of the server on this machine)")
	f.StringVar(&g.tokenFile, "token-file", "", "file with the token, read for each call: that of a pod's service account changes (default $TEAMTASK_TOKEN_FILE)")
	root.MarkFlagsMutuallyExclusive("token", "token-file")
	f.StringVar(&g.logFormat, "log-format", "text", "text or json")
	f.BoolVarP(&g.verbose, "verbose", "v", false, "log more")

	root.AddGroup(&cobra.Group{ID: "work", Title: "Getting work done:"}, &cobra.Group{ID: "look", Title: "Looking at it:"},
		&cobra.Group{ID: "change", Title: "Changing it:"}, &cobra.Group{ID: "other", Title: "Other:"})
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("work", runCommand(g), serveCommand(g), createCommand(g), applyCommand(g), workCommand(g), joinCommand(g), swarmCommand(g))
	add("look", getCommand(g), describeCommand(g), explainCommand(g), watchCommand(g), waitCommand(g), resultsCommand(g),
		locateCommand(g), certificateCommand(g))
	add("change", verbCommand(g, change.Pause), verbCommand(g, change.Resume), verbCommand(g, change.Cancel), retryCommand(g), deleteCommand(g))
	add("other", benchCommand(g), installCommand(), versionCommand())
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	root.InitDefaultCompletionCmd()
	cmdline.RefuseUnknown(root)
	return root
}

// global is what the flags of every command say.
type global struct {
	server           string
	token, tokenFile string
	logFormat        string
	verbose          bool
}

// log is the log on standard error: warnings and errors for commands that people run, everything for servers.
func (g *global) log(w io.Writer, level slog.Level) (*slog.Logger, error) {
	if g.verbose {
		level = slog.LevelDebug
	}
	o := &slog.HandlerOptions{Level: level}
	switch g.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return nil, fmt.Errorf("--log-format %q: must be text or json", g.logFormat)
}

func versionCommand() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version", Args: cmdline.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "" {
				return text.Object(cmd.OutOrStdout(), output, map[string]string{"version": version.Version})
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "teamtask", version.Version)
			return err
		},
	}
	cmdline.OutputFlag(cmd, cmd.Flags(), &output, "json", "yaml")
	return cmd
}
