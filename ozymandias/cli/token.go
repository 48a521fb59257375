package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

func tokenCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "token", Short: "Let people, programs and nodes on other machines in"}
	role := "admin"
	create := &cobra.Command{
		Use: "create NAME", Short: "Create a token and print it, this once", Args: cmdline.Arguments(1, 1), ValidArgsFunction: cobra.NoFileCompletions,
		Example: `  ozymandias token create dashboard --role read >token
  ozymandias --server https://n1 --ca ca.pem --token-file token get nodes`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			t, err := c.CreateToken(ctx, v1.NewToken{Name: args[0], Role: v1.Role(role)})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), t.Secret)
			return err
		}),
	}
	create.Flags().StringVar(&role, "role", role, "admin: it opens everything; read: it lets one look")
	_ = create.RegisterFlagCompletionFunc("role", cobra.FixedCompletions([]string{"admin", "read"}, nothingElse))
	remove := &cobra.Command{
		Use: "delete NAME...", Short: "Have tokens open nothing any more", Args: cmdline.Arguments(1, cmdline.Many), ValidArgsFunction: g.completeTokens(),
		Example: "  ozymandias token delete dashboard",
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			return deleteEach(cmd, "token", args, func(name string) error { return c.DeleteToken(ctx, name) })
		}),
	}
	renew := false
	join := &cobra.Command{
		Use: "join", Short: "Print the token by which a node joins the cluster", Args: cmdline.Arguments(0, 0), ValidArgsFunction: cobra.NoFileCompletions,
		Example: `  ozymandias token join >token   # and on another machine:
  ozymandias node --join n1 --token-file token`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, _ []string) error {
			get := c.JoinToken
			if renew {
				get = c.NewJoinToken
			}
			token, err := get(ctx)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), token)
			return err
		}),
	}
	join.Flags().BoolVar(&renew, "new", false, "make another one; the old one lets nobody in any more")
	cmd.AddCommand(create, remove, join)
	return cmd
}
