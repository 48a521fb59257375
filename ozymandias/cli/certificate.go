package cli

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/listing"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

func certificateCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "certificate", Short: "Let admins on other machines in, by client certificates"}
	dir, days := ".", 90
	create := &cobra.Command{
		Use: "create NAME", Short: "Issue a client certificate, by which somebody is let in as an admin", Args: cmdline.Arguments(1, 1),
		Long: `Issue a client certificate, by which somebody is let in as an admin until it ends, or is
deleted. Written are ca.pem, NAME.pem and NAME-key.pem.`,
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
	remove := &cobra.Command{
		Use: "delete NAME...", Short: "Have all certificates of a name open nothing any more", Args: cmdline.Arguments(1, cmdline.Many), ValidArgsFunction: g.completeCertificates,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			return each(cmd, "certificate", args, func(name string) error { return c.DeleteCertificates(ctx, name) })
		}),
	}
	cmd.AddCommand(create, remove)
	return cmd
}

var certificateKind = kind{Plural: "certificates", Singular: "certificate", About: "List client certificates", Argument: "NAME", None: "There are no certificates.", Aged: true,
	Header: []string{"NAME", "ENDS"},
	Wide:   []string{"SERIAL"},
	Read: func(ctx context.Context, c *client.Client, names []string) (f listing.Found, err error) {
		all, err := c.Certificates(ctx)
		if err != nil {
			return f, err
		}
		if len(names) > 0 { // of one name there may be several
			if _, err := only("certificate", all, names, func(c v1.Certificate) string { return c.Name }); err != nil {
				return f, err
			}
			all = slices.DeleteFunc(all, func(c v1.Certificate) bool { return !slices.Contains(names, c.Name) })
		}
		for _, c := range all {
			f.Rows = append(f.Rows, listing.Row{Name: c.Name, Created: c.Created, Cells: []string{c.Name, c.Ends.Format(time.DateOnly)}, Wide: []string{c.Serial}})
		}
		f.Object = object(all, names)
		return f, nil
	}}
