package server

import (
	"context"

	"teamtask.dev/store"
)

// stored is the journal of a list that this server owns in the store.
type stored struct{ *store.Journal }

// defaultResultsLimit bounds the rows of a list that says nothing of it, in bytes.
const defaultResultsLimit = 64 << 20

func (s stored) foldDue() bool { return s.FoldDue() }

func (s stored) size() int { return s.RecordBytes() }

func (s stored) release(ctx context.Context) error { return s.Release(ctx) }

// write is one transaction, whose failure says that nothing was written or that nothing is known. Old rows that are too
// many are dropped afterwards.
func (s stored) write(ctx context.Context, c *commit) error {
	var err error
	if c.record != nil {
		err = s.Fold(ctx, c.record, c.rows)
	} else {
		err = s.Commit(ctx, &c.delta, c.rows)
	}
	if err != nil {
		return err
	}
	limit := int64(defaultResultsLimit)
	if q := c.policy.Limit; q != nil {
		limit = q.Value()
	}
	return s.TrimResults(ctx, limit)
}
