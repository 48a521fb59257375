package cli

import (
	"context"
	"errors"
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
deleted. Written are ca.pem, NAME.pem and NAME-key.pem. No file that is there is overwritten;
if there is a ca.pem of another cluster, this one's is NAME-ca.pem.`,
		Example: `  ozymandias certificate create ann
  ozymandias --server https://n1 --ca ca.pem --cert ann.pem --key ann-key.pem get nodes`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			name := args[0]
			files, err := reserve(dir, name)
			if err != nil {
				return err
			}
			issued, err := c.CreateCertificate(ctx, v1.NewCertificate{Name: name, Days: days})
			if err != nil {
				return errors.Join(err, files.drop())
			}
			return files.fill(cmd, issued)
		}),
	}
	create.Flags().StringVar(&dir, "dir", dir, "directory for the files")
	create.Flags().IntVar(&days, "days", days, "how long it is valid, 1 to 365 days")
	remove := &cobra.Command{
		Use: "delete NAME...", Short: "Have all certificates of a name open nothing any more", Args: cmdline.Arguments(1, cmdline.Many), ValidArgsFunction: g.completeCertificates(),
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			return deleteEach(cmd, "certificate", args, func(name string) error { return c.DeleteCertificates(ctx, name) })
		}),
	}
	cmd.AddCommand(create, remove)
	return cmd
}

// newFiles are those of a certificate. They are there before anything is issued: nobody would have the key of what cannot be written. None of
// them was there before, so that nobody's key is lost, and nobody else can read this one.
type newFiles struct {
	certificate, key, authority *os.File
	known                       []byte // the authority in ca.pem, if that was there: then it stays, and another one goes beside it
}

// reserve makes the files in a directory.
func reserve(dir, name string) (f newFiles, err error) {
	authority := filepath.Join(dir, "ca.pem")
	if f.known, err = os.ReadFile(authority); err == nil {
		authority = filepath.Join(dir, name+"-ca.pem")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	for _, n := range []struct {
		file **os.File
		path string
		mode fs.FileMode
	}{{&f.certificate, filepath.Join(dir, name+".pem"), 0o644}, {&f.key, filepath.Join(dir, name+"-key.pem"), 0o600}, {&f.authority, authority, 0o644}} {
		*n.file, err = os.OpenFile(n.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, n.mode)
		if errors.Is(err, fs.ErrExist) {
			err = fmt.Errorf("%s is there already, and nothing was issued: move it away, or name another directory by --dir", n.path)
		}
		if err != nil {
			return f, errors.Join(err, f.drop())
		}
	}
	return f, nil
}

// drop removes the files again.
func (f newFiles) drop() (err error) {
	for _, file := range []*os.File{f.certificate, f.key, f.authority} {
		if file != nil {
			err = errors.Join(err, file.Close(), os.Remove(file.Name()))
		}
	}
	return err
}

// fill writes the files, and says which they are.
func (f newFiles) fill(cmd *cobra.Command, issued v1.CreatedCertificate) error {
	write := func(file *os.File, text string) error {
		_, err := file.WriteString(text)
		if err = errors.Join(err, file.Close()); err == nil {
			fmt.Fprintln(cmd.OutOrStdout(), file.Name())
		}
		return err
	}
	err := errors.Join(write(f.certificate, issued.Certificate), write(f.key, issued.Key))
	switch {
	case f.known == nil:
		return errors.Join(err, write(f.authority, issued.Authority))
	case string(f.known) == issued.Authority:
		return errors.Join(err, f.authority.Close(), os.Remove(f.authority.Name()))
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "warning: ca.pem was there already and is another cluster's; this one's is %s\n", f.authority.Name())
	return errors.Join(err, write(f.authority, issued.Authority))
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
		return found(all, names, func(c v1.Certificate) listing.Row {
			return listing.Row{Name: c.Name, Key: c.Serial, Created: c.Created, Cells: []string{c.Name, c.Ends.Format(time.DateOnly)}, Wide: []string{c.Serial}}
		}), nil
	}}
