package cli

import (
	"context"

	"github.com/spf13/cobra"

	"teamtask.dev/ozymandias/api/v1"
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

// complete completes by the names of what a node lists. Where none answers it says nothing, as somebody has just pressed a key.
func complete[T any](g *global, list func(*client.Client, context.Context) ([]T, error), name func(T) string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) (names []string, _ cobra.ShellCompDirective) {
		c, err := g.connect()
		if err != nil {
			return nil, nothingElse
		}
		defer c.Close()
		all, _ := list(c, cmd.Context())
		for _, one := range all {
			names = append(names, name(one))
		}
		return names, nothingElse
	}
}

func (g *global) completeJobs() cobra.CompletionFunc {
	return complete(g, (*client.Client).Jobs, func(j v1.Job) string { return j.Name })
}

func (g *global) completeInstances() cobra.CompletionFunc {
	all := func(c *client.Client, ctx context.Context) ([]v1.Instance, error) { return c.Instances(ctx, "", "") }
	return complete(g, all, func(in v1.Instance) string { return in.Name })
}

func (g *global) completeNodes() cobra.CompletionFunc {
	return complete(g, (*client.Client).Nodes, func(n v1.Node) string { return n.Name })
}

func (g *global) completeTokens() cobra.CompletionFunc {
	return complete(g, (*client.Client).Tokens, func(t v1.Token) string { return t.Name })
}

func (g *global) completeCertificates() cobra.CompletionFunc {
	return complete(g, (*client.Client).Certificates, func(c v1.Certificate) string { return c.Name })
}

func (g *global) completeImages() cobra.CompletionFunc {
	return complete(g, (*client.Client).Images, func(i v1.Image) string { return i.Name })
}

func (g *global) completeSecrets() cobra.CompletionFunc {
	return complete(g, (*client.Client).Secrets, func(s v1.Secret) string { return s.Name })
}

// completeKinds completes a kind, then a name of it.
func (g *global) completeKinds(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return []string{"job", "instance", "node"}, nothingElse
	}
	switch kindOf(args[0]) {
	case "job":
		return g.completeJobs()(cmd, args, word)
	case "instance":
		return g.completeInstances()(cmd, args, word)
	case "node":
		return g.completeNodes()(cmd, args, word)
	}
	return nil, nothingElse
}
