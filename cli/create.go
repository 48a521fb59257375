package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
	"teamtask.dev/items"
)

func createCommand(g *global) *cobra.Command {
	var source sourceFlags
	var list listFlags
	var dryRun bool
	output := "name"
	cmd := &cobra.Command{
		Use:   "create NAME (--range ... | --lines FILE | --mask MASK | --size N | ...) [flags]",
		Short: "Create a worklist",
		Long: `Create a worklist. Workers on other machines need not have a file of --lines as long as it is small: up to
64 KiB its lines travel with the list. A larger one has to be at the same path, with the same content, wherever a worker
runs.`,
		Example: `  teamtask create primes --range 1..1000000000
  teamtask create hosts --lines hosts.txt --max-attempts 5 --tolerate 5%
  teamtask create pins --mask ?d?d?d?d --stop-at-first
  teamtask create pairs ::: a b ::: 1 2
  teamtask create primes --range 1..1000 --dry-run -o yaml > primes.yaml`,
		Args: cmdline.Arguments(1, cmdline.Many),
		RunE: func(cmd *cobra.Command, args []string) error {
			rest, given, err := items.ParseArgs(args)
			if err != nil {
				return err
			}
			if len(rest) != 1 {
				return fmt.Errorf("create takes one name, not %q", rest)
			}
			wl, err := newWorklist(cmd.Context(), rest[0], &source, &list, given)
			if err == nil && wl.Spec.Items != nil {
				err = source.files.carry(cmd.Context(), wl.Spec.Items)
			}
			if err != nil {
				return err
			}
			return send(g, cmd, wl, dryRun, output, func(ctx context.Context, c *client.Client) (*v1alpha1.Worklist, string, error) {
				before, err := c.Get(ctx, wl.Name)
				if err != nil && !client.IsNotFound(err) {
					return nil, "", err
				}
				existed := err == nil
				out, err := c.Create(ctx, wl)
				if existed && out.UID == before.UID {
					return out, "unchanged", err
				}
				return out, "created", err
			})
		},
	}
	source.register(cmd)
	list.register(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only check and print what would be created")
	cmdline.OutputFlag(cmd, cmd.Flags(), &output, "name", "json", "yaml")
	return cmd
}

func newWorklist(ctx context.Context, name string, source *sourceFlags, list *listFlags, given items.Spec) (*v1alpha1.Worklist, error) {
	wl, err := list.manifest(name)
	if err != nil {
		return nil, err
	}
	wl.Spec.Size = source.size
	if wl.Spec.Items, err = source.spec(ctx, given); err != nil {
		return nil, err
	}
	return wl, wl.Complete()
}

// send sends a worklist or a swarm to the server, or with dryRun nowhere, and prints it.
func send[T manifest](g *global, cmd *cobra.Command, object T, dryRun bool, output string, do func(context.Context, *client.Client) (T, string, error)) error {
	verb := "checked (dry run)"
	if !dryRun {
		c, err := g.connect()
		if err != nil {
			return err
		}
		defer c.Close()
		if object, verb, err = do(cmd.Context(), c); err != nil {
			return unreached(err)
		}
	}
	wl, list := manifest(object).(*v1alpha1.Worklist)
	switch {
	case output == "name" && list:
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "worklist/%s %s\n", wl.Name, verb)
		return err
	case output == "name":
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "swarm/%s %s\n", object.GetName(), verb)
		return err
	case list:
		return text.Object(cmd.OutOrStdout(), output, asWritten(wl))
	}
	return text.Object(cmd.OutOrStdout(), output, object)
}

// asWritten is a manifest without the size that follows from its items, so that these can be edited.
func asWritten(wl *v1alpha1.Worklist) *v1alpha1.Worklist {
	out := *wl
	if out.Spec.Items != nil {
		out.Spec.Size = 0
	}
	return &out
}
