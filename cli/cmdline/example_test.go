package cmdline_test

import (
	"fmt"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
)

// A word that cannot be meant is refused, with what is like it.
func Example() {
	root := &cobra.Command{Use: "tool", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(&cobra.Command{Use: "describe NAME", DisableFlagsInUseLine: true, Args: cmdline.Arguments(1, 1), Run: func(*cobra.Command, []string) {}})
	cmdline.RefuseUnknown(root)
	for _, args := range [][]string{{"descibe", "x"}, {"describe"}} {
		root.SetArgs(args)
		fmt.Println(root.Execute())
	}
	// Output:
	// unknown command "descibe"; did you mean "describe"?
	// NAME is missing; usage: tool describe NAME
}
