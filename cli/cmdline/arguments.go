package cmdline

import (
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"
)

// RefuseUnknown lets a command that has subcommands, and those of them that have some, refuse words that are none. Without
// it cobra prints the help and calls that a success.
func RefuseUnknown(cmd *cobra.Command) {
	if !cmd.HasSubCommands() {
		return
	}
	if cmd.RunE == nil { // it has no meaning for other words itself
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return UnknownCommand(cmd, args[0])
			}
			return cmd.Help()
		}
	}
	for _, sub := range cmd.Commands() {
		RefuseUnknown(sub)
	}
}

// FlagError is the error of a flag that is not known or has a bad value, with where to read on. It is for [cobra.Command.SetFlagErrorFunc].
func FlagError(cmd *cobra.Command, err error) error {
	if cmd.HasSubCommands() && cmd.Flags().NArg() > 0 { // the flag may well be one of the command that was meant
		return UnknownCommand(cmd, cmd.Flags().Arg(0))
	}
	return fmt.Errorf("%w\nSee '%s --help'", err, cmd.CommandPath())
}

// UnknownCommand is the error of a word that is no command.
func UnknownCommand(cmd *cobra.Command, word string) error {
	above := strings.TrimPrefix(cmd.CommandPath()+" ", cmd.Root().DisplayName()+" ")
	cmd.SuggestionsMinimumDistance = 2 // cobra's own default, which SuggestionsFor does not know
	var like []string
	for _, name := range cmd.SuggestionsFor(word) {
		like = append(like, fmt.Sprintf("%q", above+name))
	}
	if len(like) == 0 {
		return fmt.Errorf("unknown command %q; see \"%s --help\"", above+word, cmd.CommandPath())
	}
	return fmt.Errorf("unknown command %q; did you mean %s?", above+word, strings.Join(like, " or "))
}

// Arguments is how many a command takes, at least and at most. Those that it cannot do without are named first in its usage.
func Arguments(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			what := strings.Fields(cmd.Use)[1+len(args)]
			return fmt.Errorf("%s is missing; usage: %s", strings.TrimSuffix(what, "..."), cmd.UseLine())
		case len(args) > most:
			return fmt.Errorf("%q is one argument too many; usage: %s", args[most], cmd.UseLine())
		}
		return nil
	}
}

// Many is as many arguments as there are.
const Many = math.MaxInt
