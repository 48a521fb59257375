package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/client"
)

// lookAgain is how often `get --watch` looks for what has changed.
const lookAgain = time.Second

// follow shows what was found, and then whatever has changed, until ctx ends.
func (s *shown) follow(ctx context.Context, c *client.Client, cmd *cobra.Command, k kind, names []string, f found) error {
	t := s.table(cmd, k)
	before := map[string]row{}
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		now := make(map[string]row, len(f.rows))
		for _, r := range f.rows {
			if old, there := before[r.name]; !there || !slices.Equal(old.cells, r.cells) || s.output == "wide" && !slices.Equal(old.wide, r.wide) {
				t.row(s.cells(k, r)...)
			}
			now[r.name] = r
		}
		if err := t.flush(); err != nil {
			return err
		}
		before = now
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
		var err error
		if f, err = k.read(ctx, c, names); err != nil {
			return err
		}
	}
}
