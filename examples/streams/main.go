//go:build unix

// Command stream consumes one stream, as the only one who does: it stands for whatever must not run twice.
//
//	teamtask join streams -- stream -dir DIR {workload} {epoch}
//
// The stream's target is a file in DIR. It does what a target can do on its own part: it remembers the greatest epoch that has
// ever come, and refuses whoever comes with an older one (a fencing token). It is locked while it is consumed, so that a second
// consumer would not go unnoticed, whatever the epochs. Who began and ended, and when, is appended to DIR/log.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	dir := flag.String("dir", ".", "directory of the targets")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *dir, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "stream:", err)
		os.Exit(1)
	}
}

// run consumes a stream until it is told to stop.
func run(ctx context.Context, dir string, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: stream [-dir DIR] STREAM EPOCH")
	}
	epoch, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return fmt.Errorf("epoch %q: must be an integer", args[1])
	}
	t, err := open(dir, args[0])
	if err != nil {
		return err
	}
	defer t.Close()
	if err := t.take(epoch); err != nil {
		return errors.Join(fmt.Errorf("stream %s: %w", args[0], err), note(dir, "refused", args[0], epoch))
	}
	if err := note(dir, "began", args[0], epoch); err != nil {
		return err
	}
	<-ctx.Done()
	return note(dir, "ended", args[0], epoch)
}

// target is a stream's. It is locked until it is closed, which the system does for whoever is killed.
type target struct{ *os.File }

func open(dir, stream string) (target, error) {
	f, err := os.OpenFile(filepath.Join(dir, filepath.Base(stream)+".target"), os.O_RDWR|os.O_CREATE, 0o644)
	return target{f}, err
}

var errTwo = errors.New("another consumes it: it has two owners")

// take makes the target this consumer's, unless it is another's or has seen a greater epoch.
func (t target) take(epoch int64) error {
	if err := syscall.Flock(int(t.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errTwo
	}
	text, err := io.ReadAll(t)
	if err != nil {
		return err
	}
	if seen, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); epoch < seen {
		return fmt.Errorf("epoch %d is over: %d has been here", epoch, seen)
	}
	if err := t.Truncate(0); err != nil {
		return err
	}
	_, err = t.WriteAt(fmt.Appendf(nil, "%d\n", epoch), 0)
	return err
}

// note appends a line to the log, whole.
func note(dir, what, stream string, epoch int64) error {
	f, err := os.OpenFile(filepath.Join(dir, "log"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintf(f, "%s %s %s %s %d\n", time.Now().UTC().Format(time.RFC3339Nano), os.Getenv("TEAMTASK_WORKER"), what, stream, epoch)
	return err
}
