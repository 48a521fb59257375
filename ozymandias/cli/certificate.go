package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

func certificateCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "certificate", Short: "Let admins on other machines in, by client certificates"}
	dir, days := ".", 90
	create := &cobra.Command{
		Use: "create NAME", Short: "Issue a client certificate, by which somebody is let in as an admin", Args: cmdline.Arguments(1, 1),
		Long: `Issue a client certificate, by which somebody is let in as an admin. It cannot be
taken back before it ends. Written are ca.pem, NAME.pem and NAME-key.pem.`,
		Example: `  ozymandias certificate create ann
  ozymandias --server https://n1 --ca ca.pem --cert ann.pem --key ann-key.pem get nodes`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			name := args[0]
			issued, err := c.CreateCertificate(ctx, v1.NewCertificate{Name: name, Days: days})
			if err != nil {
				return err
			}
			for _, file := range []struct {
				name, text string
				mode       fs.FileMode
			}{{"ca.pem", issued.Authority, 0o644}, {name + ".pem", issued.Certificate, 0o644}, {name + "-key.pem", issued.Key, 0o600}} {
				path := filepath.Join(dir, file.name)
				if err := os.WriteFile(path, []byte(file.text), file.mode); err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			return nil
		}),
	}
	create.Flags().StringVar(&dir, "dir", dir, "directory for the files")
	create.Flags().IntVar(&days, "days", days, "how long it is valid, 1 to 365 days")
	cmd.AddCommand(create)
	return cmd
}
