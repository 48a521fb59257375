package cli

import (
	"context"
	"iter"
	"slices"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/client"
)

const nothingElse = cobra.ShellCompDirectiveNoFileComp

// completeLists completes names of worklists in the shell.
func (g *global) completeLists(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, nothingElse
	}
	return g.names(cmd.Context(), listNames), nothingElse
}

// completeSwarms completes names of swarms.
func (g *global) completeSwarms(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, nothingElse
	}
	return g.names(cmd.Context(), swarmNames), nothingElse
}

// completeAssignments completes names of swarms, and of the Assignments of all of them.
func (g *global) completeAssignments(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, nothingElse
	}
	return append(g.names(cmd.Context(), swarmNames), g.names(cmd.Context(), assignmentNames)...), nothingElse
}

// completeNames completes names of worklists, and of swarms with their kind before them.
func (g *global) completeNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	switch {
	case len(args) == 0:
		names := g.names(cmd.Context(), listNames)
		for _, name := range g.names(cmd.Context(), swarmNames) {
			names = append(names, "swarm/"+name)
		}
		return names, nothingElse
	case len(args) == 1 && cmdline.KindOf(args[0]) == v1alpha1.SwarmKind:
		return g.names(cmd.Context(), swarmNames), nothingElse
	case len(args) == 1 && cmdline.KindOf(args[0]) == v1alpha1.WorklistKind:
		return g.names(cmd.Context(), listNames), nothingElse
	}
	return nil, nothingElse
}

// names are those that can be had at once: somebody has just pressed a key.
func (g *global) names(ctx context.Context, all func(context.Context, *client.Client) iter.Seq[string]) []string {
	c, err := g.connect()
	if err != nil {
		return nil
	}
	defer c.Close()
	c.Patience = -1
	return slices.Collect(all(ctx, c))
}

func listNames(ctx context.Context, c *client.Client) iter.Seq[string] {
	return func(yield func(string) bool) {
		for wl, err := range c.Worklists(ctx) {
			if err != nil || !yield(wl.Name) {
				return
			}
		}
	}
}

func swarmNames(ctx context.Context, c *client.Client) iter.Seq[string] {
	return func(yield func(string) bool) {
		for sw, err := range c.Swarms(ctx) {
			if err != nil || !yield(sw.Name) {
				return
			}
		}
	}
}

func assignmentNames(ctx context.Context, c *client.Client) iter.Seq[string] {
	return func(yield func(string) bool) {
		for a, err := range c.Assignments(ctx, "") {
			if err != nil || !yield(a.Name) {
				return
			}
		}
	}
}
