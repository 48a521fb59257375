package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// drainOnSignal gives a context and a drain for what runs commands. The first signal drains it, if it is one of the gentle
// ones; any other, and the second one, end the context. It is not made from the command's context, which the first signal
// ends.
func drainOnSignal(w io.Writer, gentle ...os.Signal) (ctx context.Context, drain <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	draining := make(chan struct{})
	go func() {
		for drained := false; ; drained = true {
			select {
			case s := <-signals:
				if drained || !slices.Contains(gentle, s) {
					cancel()
					return
				}
				fmt.Fprintln(w, "Finishing the commands that run; once more to end them, too.")
				close(draining)
			case <-ctx.Done():
				return
			}
		}
	}()
	return ctx, draining, func() {
		signal.Stop(signals)
		cancel()
	}
}
