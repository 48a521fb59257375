package cli

import (
	"github.com/spf13/cobra"

	"teamtask.dev/cli/listing"
	"teamtask.dev/client"
)

func getCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "get (worklists | blocks | swarms | assignments) [NAME...]",
		Short: "List worklists and the blocks that are out, swarms and the assignments of their workers",
		Example: `  teamtask get worklists
  teamtask get worklist primes -o yaml
  teamtask get blocks primes -o wide
  teamtask get swarms,assignments
  teamtask get assignments streams --watch`,
	}
	completed := func(k kind, by cobra.CompletionFunc) kind {
		k.Complete = by
		return k
	}
	listing.AddTo(cmd, g.withClient, completed(worklistKind, g.completeLists), completed(blockKind, g.completeLists),
		completed(swarmKind, g.completeSwarms), completed(assignmentKind, g.completeAssignments))
	return cmd
}

// kind is what `get` shows of objects of a kind.
type kind = listing.Kind[*client.Client]
