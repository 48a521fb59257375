// Package cmdline is what the command lines of all programs have in common: words and numbers of arguments that cannot be
// meant are refused, with what to write instead, and -o knows its formats. Cobra alone takes an unknown word for a call for
// help, and calls that a success.
//
//	cmd := &cobra.Command{Use: "describe NAME", Args: cmdline.Arguments(1, 1)}
//	cmdline.OutputFlag(cmd, cmd.Flags(), &output, "json", "yaml")
package cmdline
