package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
)

func getCommand(g *global) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "get (worklists [NAME...] | blocks [WORKLIST...])",
		Short: "List worklists, or the blocks that are out",
		Example: `  teamtask get worklists
  teamtask get worklist primes -o yaml
  teamtask get blocks primes -o wide`,
	}
	cmdline.OutputFlag(cmd, cmd.PersistentFlags(), &output, "wide", "name", "json", "yaml")
	cmd.AddCommand(
		&cobra.Command{Use: "worklists [NAME...]", Aliases: []string{"worklist", "wl"}, Short: "List worklists",
			ValidArgsFunction: g.completeLists,
			RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, names []string) error {
				return getWorklists(ctx, c, cmd, names, output)
			})},
		&cobra.Command{Use: "blocks [WORKLIST...]", Aliases: []string{"block"}, Short: "List the blocks that are out or wait to go out again",
			ValidArgsFunction: g.completeLists,
			RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, names []string) error {
				return getBlocks(ctx, c, cmd, names, output)
			})},
	)
	return cmd
}

// worklists are those named, or all.
func worklists(ctx context.Context, c *client.Client, names []string) (out []v1alpha1.Worklist, err error) {
	for _, name := range names {
		wl, err := c.Get(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, *wl)
	}
	if len(names) > 0 {
		return out, nil
	}
	for wl, err := range c.Worklists(ctx) {
		if err != nil {
			return nil, err
		}
		out = append(out, *wl)
	}
	return out, nil
}

func getWorklists(ctx context.Context, c *client.Client, cmd *cobra.Command, names []string, output string) error {
	lists, err := worklists(ctx, c, names)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	switch output {
	case "", "wide":
	case "name":
		for _, wl := range lists {
			fmt.Fprintln(w, "worklist/"+wl.Name)
		}
		return nil
	default:
		for i := range lists {
			lists[i] = *asWritten(&lists[i])
		}
		if len(names) == 1 {
			return text.Object(w, output, lists[0])
		}
		return text.Object(w, output, v1alpha1.WorklistList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: "WorklistList"}, Items: lists})
	}
	if len(lists) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "There are no worklists.")
		return nil
	}
	header := []string{"NAME", "STATUS", "PROGRESS", "SIZE", "FAILED", "BLOCKS", "WORKERS", "RATE", "AGE"}
	if output == "wide" {
		header = append(header, "SOURCE", "OWNER", "EPOCH", "MESSAGE")
	}
	t := newTable(w, header...)
	for _, wl := range lists {
		s := wl.Status
		row := []string{wl.Name, string(s.Phase()), v1alpha1.Progress(s.Done, s.Size), text.Count(s.Size), text.Count(s.Failed), text.Count(s.BlocksOut),
			text.Count(s.Workers), text.Rate(s.Rate()), text.Age(wl.CreationTimestamp.Time)}
		if output == "wide" {
			source := ""
			if wl.Spec.Items != nil {
				source = wl.Spec.Items.String()
			}
			row = append(row, source, s.Owner, text.Count(s.Epoch), s.Reason())
		}
		t.row(row...)
	}
	return t.flush()
}

func getBlocks(ctx context.Context, c *client.Client, cmd *cobra.Command, names []string, output string) error {
	lists, err := worklists(ctx, c, names)
	if err != nil {
		return err
	}
	blocks := []v1alpha1.Block{}
	for _, wl := range lists {
		if wl.Status.Phase().Over() && len(names) == 0 {
			continue
		}
		for b, err := range c.Blocks(ctx, wl.Name) {
			if err != nil {
				return err
			}
			blocks = append(blocks, *b)
		}
	}
	w := cmd.OutOrStdout()
	switch output {
	case "", "wide":
	case "name":
		for _, b := range blocks {
			fmt.Fprintln(w, "block/"+b.Name)
		}
		return nil
	default:
		return text.Object(w, output, v1alpha1.BlockList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: "BlockList"}, Items: blocks})
	}
	if len(blocks) == 0 {
		fmt.Fprintln(cmd.ErrOrStderr(), "There are no blocks out.")
		return nil
	}
	header := []string{"NAME", "READY", "STATUS", "RESTARTS", "INDEX", "SIZE"}
	if output == "wide" {
		header = append(header, "WORKER", "DONE", "DEADLINE", "MESSAGE")
	}
	t := newTable(w, header...)
	for _, b := range blocks {
		s := b.Status
		row := []string{b.Name, s.Ready, string(s.Phase()), fmt.Sprint(s.Restarts), fmt.Sprint(*s.Index), fmt.Sprint(*s.Size)}
		if output == "wide" {
			deadline := ""
			if s.Deadline != nil {
				deadline = s.Deadline.Format("15:04:05")
			}
			row = append(row, b.Spec.Worker, fmt.Sprint(s.Done), deadline, s.Reason())
		}
		t.row(row...)
	}
	return t.flush()
}
