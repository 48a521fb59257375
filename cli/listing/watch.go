package listing

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
)

// lookAgain is how often --watch looks for what has changed.
const lookAgain = time.Second

// follow shows what was found, and then whatever has changed, until ctx ends.
func follow[C any](ctx context.Context, s *shown, c C, cmd *cobra.Command, k Kind[C], names []string, f Found) error {
	t := table(s, cmd, k)
	before := map[string]Row{}
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		now := make(map[string]Row, len(f.Rows))
		for _, r := range f.Rows {
			key := cmp.Or(r.Key, r.Name)
			if old, there := before[key]; !there || !slices.Equal(old.Cells, r.Cells) || s.output == "wide" && !slices.Equal(old.Wide, r.Wide) {
				t.Row(cells(s, k, r)...)
			}
			now[key] = r
		}
		if err := t.Flush(); err != nil {
			return err
		}
		before = now
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
		look, done := cmdline.Look(ctx)
		var err error
		f, err = k.Read(look, c, names)
		done()
		if err != nil {
			return err
		}
	}
}
