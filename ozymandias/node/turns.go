package node

import (
	"context"
	"runtime"
)

// turns are for what podman does a few at a time. It gets no faster by doing more at once, as it waits for its own locks and for the
// kernel's; but each takes longer, and a list of the pods waits for all of them, until podman seems not to answer at all.
type turns chan struct{}

// newTurns has so many that no processor is idle, and one slow pod does not hold up all others.
func newTurns() turns { return make(turns, max(4, runtime.GOMAXPROCS(0))) }

// take waits for a turn. Without an error it has to be given back.
func (t turns) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// takeFree takes a turn if that needs no waiting.
func (t turns) takeFree() bool {
	select {
	case t <- struct{}{}:
		return true
	default:
		return false
	}
}

func (t turns) giveBack() { <-t }
