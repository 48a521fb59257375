package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

func execCommand(g *global) *cobra.Command {
	var container string
	var stdin, terminal bool
	cmd := &cobra.Command{
		Use: "exec INSTANCE -- COMMAND...", Short: "Run a command in a container", ValidArgsFunction: first(g.completeInstances()),
		Example: `  ozymandias exec -it webapp-0 -c app -- sh
  ozymandias exec db-0 -- pg_dump webapp > dump.sql`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				return errors.New("the command is missing: write it behind --, as in `ozymandias exec webapp-0 -- ls /`")
			}
			return cmdline.Arguments(2, cmdline.Many)(cmd, args)
		},
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			e := client.Exec{Container: container, Command: args[1:], Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr(), Terminal: terminal}
			if stdin {
				e.Stdin = cmd.InOrStdin()
			}
			if terminal {
				restore, err := attach(ctx, cmd.InOrStdin(), &e)
				if err != nil {
					return err
				}
				defer restore()
			}
			code, err := c.Exec(ctx, bare("instance", args[0]), e)
			if err == nil && code != 0 {
				err = cmdline.Exit(code)
			}
			return err
		}),
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		if errors.As(err, new(*pflag.NotExistError)) {
			return fmt.Errorf("%w: if it is the command's, write that behind --, as in `ozymandias exec webapp-0 -- ls -l`", err)
		}
		return cmdline.FlagError(cmd, err)
	})
	f := cmd.Flags()
	f.StringVarP(&container, "container", "c", "", "in this container (default the only one)")
	f.BoolVarP(&stdin, "stdin", "i", false, "pass standard input on")
	f.BoolVarP(&terminal, "tty", "t", false, "give the command a terminal")
	return cmd
}

// attach has our terminal tell its size to the command's and, if its input is sent, pass everything on, until restore is called. Otherwise keys such
// as Ctrl-C are for us.
func attach(ctx context.Context, stdin io.Reader, e *client.Exec) (restore func(), err error) {
	if !atTerminal(stdin) {
		return nil, errors.New("-t needs a terminal as standard input: leave it out")
	}
	in, back := stdin.(*os.File), func() {}
	if e.Stdin != nil {
		before, err := term.MakeRaw(int(in.Fd()))
		if err != nil {
			return nil, fmt.Errorf("-t: %w", err)
		}
		back = func() { _ = term.Restore(int(in.Fd()), before) }
	}
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, unix.SIGWINCH)
	sizes := make(chan v1.TerminalSize, 1)
	over, stop := context.WithCancel(ctx)
	go tellSizes(over, in, changed, sizes)
	e.Sizes = sizes
	return func() {
		signal.Stop(changed)
		stop()
		back()
	}, nil
}

// tellSizes tells the size of a terminal, now and after each change.
func tellSizes(ctx context.Context, terminal *os.File, changed <-chan os.Signal, sizes chan<- v1.TerminalSize) {
	for {
		if columns, rows, err := term.GetSize(int(terminal.Fd())); err == nil {
			select {
			case sizes <- v1.TerminalSize{Rows: rows, Columns: columns}:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
