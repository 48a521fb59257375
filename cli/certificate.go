package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
)

func certificateCommand(g *global) *cobra.Command {
	var verify, key string
	cmd := &cobra.Command{
		Use:   "certificate (NAME | --verify FILE)",
		Short: "Account for every item of a worklist, signed by the server",
		Long: "Account for every item of a worklist: which ranges are done and which failed, with a digest, signed by the server.\n" +
			"With --verify check one: that nothing in it was changed, and that every item is accounted for.",
		Example: `  teamtask certificate primes > primes.cert.json
  teamtask certificate --verify primes.cert.json --public-key O1cX...=`,
		Args: cmdline.Arguments(0, 1), ValidArgsFunction: g.completeLists,
		RunE: func(cmd *cobra.Command, args []string) error {
			if (verify == "") == (len(args) == 0) {
				return fmt.Errorf("give either a worklist or --verify FILE")
			}
			if verify != "" {
				return verifyCertificate(cmd, verify, key)
			}
			return g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
				cert, err := c.Certificate(ctx, args[0])
				if err != nil {
					return err
				}
				return text.Object(cmd.OutOrStdout(), "json", cert)
			})(cmd, args)
		},
	}
	cmd.Flags().StringVar(&verify, "verify", "", "check the certificate in this file")
	cmd.Flags().StringVar(&key, "public-key", "", "with --verify: the key that must have signed it")
	return cmd
}

func verifyCertificate(cmd *cobra.Command, file, key string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var c v1alpha1.Certificate
	if err := json.Unmarshal(b, &c); err != nil {
		return fmt.Errorf("%s: is not a certificate: %w", file, err)
	}
	if err := c.Verify(); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if key != "" && key != c.PublicKey {
		return fmt.Errorf("%s: was signed by another key, %s", file, c.PublicKey)
	}
	var done, failed int64
	for _, r := range c.Done {
		done += r.Size
	}
	for _, r := range c.Failed {
		failed += r.Size
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: worklist %s, %s items: %s done, %s failed, %s not accounted for; signed by %s\n",
		file, c.Worklist, text.Count(c.Size), text.Count(done), text.Count(failed), text.Count(c.Missing()), c.PublicKey)
	if c.Missing() > 0 {
		return exit(1)
	}
	return nil
}
