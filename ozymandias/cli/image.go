package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"teamtask.dev/await"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/listing"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

func imageCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{Use: "image", Short: "Spread images to all nodes, without a registry"}
	load := &cobra.Command{
		Use: "load [FILE]", SuggestFor: []string{"import", "push"}, Short: "Load images into the cluster, from an archive of `podman save` or `docker save`", Args: cmdline.Arguments(0, 1),
		Example: `  podman save web-app-image | ozymandias image load
  ozymandias image load web-app-image.tar`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			from, file := cmd.InOrStdin(), "standard input"
			if len(args) == 1 && args[0] != "-" {
				f, err := os.Open(args[0])
				if err != nil {
					return err
				}
				defer f.Close()
				from, file = f, args[0]
			} else if atTerminal(from) {
				return errors.New("name the archive, or pipe it in: `podman save IMAGE | ozymandias image load`")
			}
			names, err := await.Do(ctx, func() ([]string, error) { return c.LoadImages(ctx, from) }) // who sends waits for what is to be sent
			for _, name := range names {
				fmt.Fprintf(cmd.OutOrStdout(), "image/%s loaded\n", name)
			}
			if errors.As(err, new(*v1.Problem)) {
				err = fmt.Errorf("%s: %w", file, err)
			}
			return err
		}),
	}
	remove := &cobra.Command{
		Use: "delete NAME...", Short: "Take images out of the cluster", Args: cmdline.Arguments(1, cmdline.Many), ValidArgsFunction: g.completeImages(),
		Example: "  ozymandias image delete localhost/web-app-image:latest",
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			return deleteEach(cmd, "image", args, func(name string) error { return c.DeleteImage(ctx, name) })
		}),
	}
	cmd.AddCommand(load, remove, listCommand(g, imageKind))
	return cmd
}

// listCommand is `list` of a command about a kind, the same as `get` of that.
func listCommand(g *global, k kind) *cobra.Command {
	cmd := &cobra.Command{}
	listing.AddTo(cmd, g.withClient, k)
	list := cmd.Commands()[0]
	list.Use, list.Aliases = "list", nil
	list.Flags().AddFlagSet(cmd.PersistentFlags())
	cmd.RemoveCommand(list)
	return list
}

// deleteEach deletes what is named, and says so. A name may have its kind before it, as `get -o name` prints it.
func deleteEach(cmd *cobra.Command, kind string, names []string, remove func(name string) error) error {
	return forEach(names, func(name string) error {
		err := remove(name)
		if rest, prefixed := strings.CutPrefix(name, kind+"/"); prefixed && (client.IsType(err, v1.NotFound) || client.IsType(err, v1.Invalid)) {
			name, err = rest, remove(rest)
		}
		if err == nil {
			fmt.Fprintf(cmd.OutOrStdout(), "%s/%s deleted\n", kind, name)
		}
		return err
	})
}

var imageKind = kind{Plural: "images", Singular: "image", About: "List images that were loaded into the cluster", Argument: "NAME", None: "No images were loaded.", Aged: true,
	Header: []string{"NAME", "SIZE", "NODES"},
	Wide:   []string{"ID"},
	Read: listed("image", (*client.Client).Images, func(i v1.Image) listing.Row {
		return listing.Row{Name: i.Name, Created: i.Loaded, Cells: []string{i.Name, rounded(i.Size), fmt.Sprint(len(i.Nodes))}, Wide: []string{i.ID}}
	})}
