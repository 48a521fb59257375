package cmdline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Exit ends a program with a code and nothing more to say.
type Exit int

func (e Exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// echo is how soon after the first signal a second one is the same, sent twice: to a process and to its group, as timeout(1) does.
const echo = time.Second

// ErrInterrupt is the cause of a context that ended by SIGINT, as Ctrl-C sends it.
var ErrInterrupt = errors.New("interrupted")

// lookWithin is how long it may take to look how things are: whoever lives answers that at once.
const lookWithin = 15 * time.Second

// Look is a context for one look of a command that looks again and again. A machine that dies does not hang up: without an end the command would
// stand still for the quarter of an hour for which the kernel sends again what nobody acknowledges.
func Look(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, lookWithin, fmt.Errorf("there is no answer within %s", lookWithin))
}

// Interruptible is a context that the first interrupt ends, so that everything is given back in order. From a second one on, unless it
// is an echo, signals do what they do by themselves: they end the process.
func Interruptible() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case s := <-signals:
			var cause error
			if s == os.Interrupt {
				cause = ErrInterrupt
			}
			cancel(cause)
		case <-ctx.Done():
			return
		}
		time.AfterFunc(echo, func() { signal.Stop(signals) })
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}
