package cli

import "github.com/spf13/cobra"

func swarmCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "swarm",
		Short: "Be a worker of a swarm for a program that knows nothing of it",
		Long: `Be a worker of a swarm for a program that knows nothing of it. See also:
  teamtask join        run a process for each workload: the simplest
  teamtask get swarms  list swarms
  teamtask apply -f    make or change one`,
	}
	cmd.AddCommand(agentCommand(g))
	return cmd
}
