package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/version"
)

func versionCommand(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version, and that of the node", Args: cmdline.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			said := map[string]string{"version": version.Version}
			if c, err := g.connect(); err == nil { // the node's is said where there is one
				defer c.Close()
				if v, err := c.Version(cmd.Context()); err == nil {
					said["node"], said["nodeVersion"] = v.Node, v.Version
				}
			}
			if output != "" {
				return text.Object(cmd.OutOrStdout(), output, said)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "ozymandias", said["version"])
			if said["node"] != "" {
				fmt.Fprintf(cmd.OutOrStdout(), "node %s %s\n", said["node"], said["nodeVersion"])
			}
			return nil
		},
	}
	cmdline.OutputFlag(cmd, cmd.Flags(), &output, "json", "yaml")
	return cmd
}
