package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
)

// drainOnSignal gives a context and a drain for what runs commands. The first signal drains it, if it is one of the gentle
// ones; any other, and the second one, end the context. It is not made from the command's context, which the first signal
// ends.
//
// early is closed when that context ends, or nil for what is not gentle about all signals: one that came while the command was
// getting ready drains it, too. Otherwise a pod that is told to go as it starts would work on until it is killed. What comes even
// before the Go runtime has its handlers is lost, as the kernel keeps process 1 of a container from signals that it does not handle:
// there the controller sees to it that the items are not blamed for a pod that was deleted.
func drainOnSignal(w io.Writer, early <-chan struct{}, gentle ...os.Signal) (ctx context.Context, drain <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	draining := make(chan struct{})
	begin := sync.OnceFunc(func() {
		said := "Finishing the commands that run."
		if isTerminal(w) {
			said = "Finishing the commands that run; once more to end them, too."
		}
		fmt.Fprintln(w, said)
		close(draining)
	})
	go func() {
		for heard := 0; ; {
			select {
			case <-early: // the same signal may be heard here, too
				early = nil
				begin()
			case s := <-signals:
				if heard++; heard > 1 || !slices.Contains(gentle, s) {
					cancel()
					return
				}
				begin()
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
