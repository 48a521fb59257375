package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"teamtask.dev/await"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/listing"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

func secretCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "secret", Short: "Keep values that stand in no job file"}
	var file, certificate, key string
	set := &cobra.Command{
		Use: "set NAME", Short: "Set a secret, from standard input or a file", Args: cmdline.Arguments(1, 1), ValidArgsFunction: first(g.completeSecrets()),
		SuggestFor: []string{"create", "put"},
		Long: `Set a secret, from standard input or a file; instances get the value when they start next.
A value is never an argument, which everybody on the machine could see. It is kept byte for
byte, with the newline that most files end with, and echo writes: use printf %s where a program
would take that for a part of the password. What is typed at a terminal has none.`,
		Example: `  ozymandias secret set db-password                     # asks for it
  pass show db | ozymandias secret set db-password
  ozymandias secret set shop-tls --certificate chain.pem --certificate-key key.pem`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			value, err := secretValue(ctx, cmd, file, certificate, key)
			if err != nil {
				return err
			}
			s, err := c.PutSecret(ctx, args[0], value)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "secret/%s set (version %d)\n", args[0], s.Version)
			return err
		}),
	}
	set.Flags().StringVarP(&file, "from-file", "f", "", "file with the value (default standard input)")
	set.Flags().StringVar(&certificate, "certificate", "", "file with a certificate chain in PEM, for the tls.secret of an ingress")
	set.Flags().StringVar(&key, "certificate-key", "", "file with its key in PEM")
	set.MarkFlagsRequiredTogether("certificate", "certificate-key")
	set.MarkFlagsMutuallyExclusive("certificate", "from-file")
	remove := &cobra.Command{
		Use: "delete NAME...", Short: "Delete secrets; what runs keeps them", Args: cmdline.Arguments(1, cmdline.Many), ValidArgsFunction: g.completeSecrets(),
		Example: "  ozymandias secret delete db-password",
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			return deleteEach(cmd, "secret", args, func(name string) error { return c.DeleteSecret(ctx, name) })
		}),
	}
	cmd.AddCommand(set, remove, listCommand(g, secretKind))
	return cmd
}

// secretValue reads what a secret is to be. At a terminal one line is asked for, and not shown.
func secretValue(ctx context.Context, cmd *cobra.Command, file, certificate, key string) ([]byte, error) {
	if certificate != "" {
		return pair(certificate, key)
	}
	if file != "" {
		return os.ReadFile(file)
	}
	in := cmd.InOrStdin()
	if !atTerminal(in) {
		return await.Do(ctx, func() ([]byte, error) { return io.ReadAll(in) })
	}
	fd := int(in.(*os.File).Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	fmt.Fprint(cmd.ErrOrStderr(), "Value: ")
	value, err := await.Do(ctx, func() ([]byte, error) { return term.ReadPassword(fd) })
	if ctx.Err() != nil {
		_ = term.Restore(fd, before) // what is left behind would have done it
	}
	fmt.Fprintln(cmd.ErrOrStderr())
	if err == nil && len(value) == 0 {
		err = errors.New("there is no value")
	}
	return value, err
}

// atTerminal tells whether a person types what is read.
func atTerminal(in io.Reader) bool {
	f, is := in.(*os.File)
	return is && term.IsTerminal(int(f.Fd()))
}

// pair reads a certificate chain and its key, which have to belong together.
func pair(certificate, key string) ([]byte, error) {
	chain, err := os.ReadFile(certificate)
	if err != nil {
		return nil, err
	}
	private, err := os.ReadFile(key)
	if err != nil {
		return nil, err
	}
	if _, err := tls.X509KeyPair(chain, private); err != nil {
		return nil, fmt.Errorf("%s and %s: %w", certificate, key, err)
	}
	return slices.Concat(chain, []byte("\n"), private), nil
}

var secretKind = kind{Plural: "secrets", Singular: "secret", About: "List secrets, never their values", Argument: "NAME", None: "There are no secrets.", Aged: true,
	Header: []string{"NAME", "VERSION"},
	Read: listed("secret", (*client.Client).Secrets, func(s v1.Secret) listing.Row {
		return listing.Row{Name: s.Name, Created: s.Changed, Cells: []string{s.Name, strconv.FormatInt(s.Version, 10)}}
	})}
