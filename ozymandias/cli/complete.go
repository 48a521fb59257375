package cli

import (
	"context"

	"github.com/spf13/cobra"

	"teamtask.dev/ozymandias/client"
)

const nothingElse = cobra.ShellCompDirectiveNoFileComp

// first completes the first argument only.
func first(complete cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, nothingElse
		}
		return complete(cmd, args, word)
	}
}

func (g *global) completeJobs(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return g.names(cmd, func(ctx context.Context, c *client.Client, add func(string)) {
		jobs, _ := c.Jobs(ctx)
		for _, j := range jobs {
			add(j.Name)
		}
	})
}

func (g *global) completeInstances(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return g.names(cmd, func(ctx context.Context, c *client.Client, add func(string)) {
		instances, _ := c.Instances(ctx, "", "")
		for _, in := range instances {
			add(in.Name)
		}
	})
}

func (g *global) completeNodes(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return g.names(cmd, func(ctx context.Context, c *client.Client, add func(string)) {
		nodes, _ := c.Nodes(ctx)
		for _, n := range nodes {
			add(n.Name)
		}
	})
}

func (g *global) completeTokens(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return g.names(cmd, func(ctx context.Context, c *client.Client, add func(string)) {
		tokens, _ := c.Tokens(ctx)
		for _, t := range tokens {
			add(t.Name)
		}
	})
}

func (g *global) completeCertificates(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return g.names(cmd, func(ctx context.Context, c *client.Client, add func(string)) {
		certificates, _ := c.Certificates(ctx)
		for _, c := range certificates {
			add(c.Name)
		}
	})
}

func (g *global) completeImages(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return g.names(cmd, func(ctx context.Context, c *client.Client, add func(string)) {
		images, _ := c.Images(ctx)
		for _, i := range images {
			add(i.Name)
		}
	})
}

func (g *global) completeSecrets(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return g.names(cmd, func(ctx context.Context, c *client.Client, add func(string)) {
		secrets, _ := c.Secrets(ctx)
		for _, s := range secrets {
			add(s.Name)
		}
	})
}

// completeKinds completes a kind, then a name of it.
func (g *global) completeKinds(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return []string{"job", "instance", "node"}, nothingElse
	}
	switch kindOf(args[0]) {
	case "job":
		return g.completeJobs(cmd, args, word)
	case "instance":
		return g.completeInstances(cmd, args, word)
	case "node":
		return g.completeNodes(cmd, args, word)
	}
	return nil, nothingElse
}

// names completes by what a node knows: without one there is nothing to be said, as somebody has just pressed a key.
func (g *global) names(cmd *cobra.Command, each func(ctx context.Context, c *client.Client, add func(string))) (names []string, _ cobra.ShellCompDirective) {
	c, err := g.connect()
	if err != nil {
		return nil, nothingElse
	}
	defer c.Close()
	each(cmd.Context(), c, func(name string) { names = append(names, name) })
	return names, nothingElse
}
