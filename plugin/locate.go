package plugin

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/controller/worklists"
)

func locateCommand(a *access) *cobra.Command {
	return &cobra.Command{
		Use: "locate NAME INDEX", Short: "Tell where an item is, and who has it", Args: cmdline.Arguments(2, 2), ValidArgsFunction: a.completeLists(1),
		RunE: a.with(func(ctx context.Context, s *session, cmd *cobra.Command, args []string) error {
			name, err := listName(args[0])
			if err != nil {
				return err
			}
			wl, err := s.worklist(ctx, name)
			if err != nil {
				return err
			}
			index, err := strconv.ParseInt(args[1], 10, 64)
			switch {
			case err != nil || index < 0:
				return fmt.Errorf("index %q: must be an integer from 0 on", args[1])
			case wl.Status.Size == 0:
				return fmt.Errorf("worklist %s: %s", wl.Name, wl.Status.Reason())
			case index >= wl.Status.Size:
				return fmt.Errorf("index %d: worklist %s has %s, the last of which is %d", index, wl.Name, text.Number(wl.Status.Size, "item", "items"), wl.Status.Size-1)
			}
			blocks, err := s.blocks(ctx, wl.Name)
			if err != nil {
				return s.readable("list the blocks of", cmdline.Object{Kind: v1alpha1.WorklistKind, Name: wl.Name}, err)
			}
			ledger := worklists.Ledger(worklists.Situation{Now: time.Now(), List: wl, Blocks: blocks, Size: wl.Status.Size})
			p := v1alpha1.Place{Index: index}
			p.Place, p.Worker = ledger.Place(index)
			settle(&p, blocks)
			_, err = fmt.Fprintln(cmd.OutOrStdout(), text.Place(p))
			return err
		}),
	}
}

// settle says of an item that a worker holds what the worker has said of it already: what is done counts, whatever becomes of the
// Block, but the list learns of it only when the Block is turned in.
func settle(p *v1alpha1.Place, blocks []v1alpha1.Block) {
	if p.Worker == "" {
		return
	}
	has := func(r v1alpha1.Range) bool { return r.Index <= p.Index && p.Index-r.Index < r.Size }
	for i := range blocks {
		b := &blocks[i]
		if b.Spec.Worker != p.Worker || !b.Status.Held() {
			continue
		}
		for _, r := range b.Status.DoneRanges {
			if has(r) {
				p.Place = "done"
			}
		}
		for _, f := range b.Status.FailedRanges {
			if has(f.Range) {
				p.Place = fmt.Sprintf("failed (%s); counted once Block %s is turned in", f.Reason, b.Name)
			}
		}
	}
}
