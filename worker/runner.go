package worker

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/items"
)

// Runner runs a command for the items of blocks. Its fields must not change once it runs; Run may be called by several
// goroutines.
type Runner struct {
	Template *Template
	Source   items.Source // what the items are; nil: the integers from 0 on
	Worklist string       // for the command's environment
	Worker   string

	Timeout time.Duration // of a command; 0: none
	Retries int           // how often a command that failed is run again before its failure is reported
	Find    bool          // grep's convention: 0 found, 1 looked and not found, more is a failure
	Rows    bool          // report a row of results for each command, not only for failures
	Output  int           // bytes of a command's output that are reported, its end; 0: none

	Stdout, Stderr io.Writer // get each command's output whole, when it has ended; nil: nowhere
	Joblog         *Joblog   // nil: none
}

// writing is held to write a command's output. It is one for all runners, as those of several lists share a terminal.
var writing sync.Mutex

// Bounds of found values.
const (
	maxFound      = 100
	maxFoundBytes = 4096
)

// Check tells whether the command can be found, and its outputs be kept.
func (r *Runner) Check() error {
	var out output
	f, err := out.lend()
	if err != nil {
		return err
	}
	f.Close()
	out.close()
	name, ok := r.Template.program()
	if !ok {
		return nil // it depends on the item
	}
	if _, err := exec.LookPath(name); err != nil {
		return fmt.Errorf("the command cannot be run: %w", err)
	}
	return nil
}

// errDrained stops a block between commands.
var errDrained = errors.New("drained")

// Run goes through a block and hands reports to sink, in order, from this goroutine. It stops between commands once drain
// is closed, be it that one has failed and would be run again. When ctx ends, the command that runs is ended, and not
// reported. What was not reported is for the caller to give back. An item that no command can be made of has failed as
// with a shell, with exit code 126 or 127. The error is ctx's, or says why the command cannot be run at all, which is no
// item's fault.
func (r *Runner) Run(ctx context.Context, lease v1alpha1.Lease, slot int, drain <-chan struct{}, sink func(v1alpha1.Report)) error {
	b, err := r.begin(lease, slot, sink)
	if err != nil {
		return err
	}
	b.env, b.drain = b.environment(), drain
	if b.null, err = os.Open(os.DevNull); err != nil {
		return err
	}
	defer b.null.Close()
	defer b.out.close()
	defer b.errs.close()
	if r.Template.Mode == PerItem {
		err = b.each(ctx)
	} else {
		err = b.whole(ctx)
	}
	if errors.Is(err, errDrained) {
		return nil
	}
	return err
}

func (r *Runner) begin(lease v1alpha1.Lease, slot int, sink func(v1alpha1.Report)) (*block, error) {
	b := &block{runner: r, lease: lease, sink: sink, values: values{slot: slot, first: lease.Index, n: lease.Size, index: lease.Index}}
	var err error
	if b.values.start, err = r.item(lease.Index); err != nil {
		return nil, err
	}
	b.values.end, err = r.item(lease.Index + lease.Size - 1)
	return b, err
}

func (r *Runner) item(i int64) (string, error) {
	if r.Source == nil {
		return fmt.Sprint(i), nil
	}
	return items.At(r.Source, i)
}

// items yields items start to end-1.
func (r *Runner) items(start, end int64) func(func([]byte, error) bool) {
	if r.Source != nil {
		return items.Range(r.Source, start, end)
	}
	return func(yield func([]byte, error) bool) {
		var b []byte
		for i := start; i < end; i++ {
			b = fmt.Append(b[:0], i)
			if !yield(b, nil) {
				return
			}
		}
	}
}

// block is a block in work.
type block struct {
	runner *Runner
	lease  v1alpha1.Lease
	sink   func(v1alpha1.Report)
	drain  <-chan struct{}
	values values
	env    []string // of the block; an item adds its own

	null      *os.File
	out, errs output
}

// each runs the command for one item after the other.
func (b *block) each(ctx context.Context) error {
	i := b.lease.Index
	for item, err := range b.runner.items(i, i+b.lease.Size) {
		if err != nil {
			return err
		}
		text := string(item)
		v, err := b.itemValues(i, text)
		if err != nil {
			return err
		}
		if err := b.run(ctx, i, 1, b.runner.Template.expand(&v), b.itemEnvironment(i, text), nil, text); err != nil {
			return err
		}
		i++
	}
	return nil
}

// itemValues are what the replacement strings stand for in one item.
func (b *block) itemValues(i int64, text string) (v values, err error) {
	v = b.values
	v.item, v.index = text, i
	if b.runner.Template.fields {
		v.fields = []string{text}
		if b.runner.Source != nil {
			v.fields, err = items.Fields(b.runner.Source, i)
		}
	}
	return v, err
}

// whole runs the command for the block.
func (b *block) whole(ctx context.Context) error {
	var stdin func(io.Writer) error
	if b.runner.Template.Mode == Pipe {
		stdin = b.feed
	}
	return b.run(ctx, b.lease.Index, b.lease.Size, b.runner.Template.expand(&b.values), b.env, stdin, "")
}

// feed writes the block's items, a line each.
func (b *block) feed(w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	for text, err := range b.runner.items(b.lease.Index, b.lease.Index+b.lease.Size) {
		if err != nil {
			return err
		}
		out.Write(text)
		if err := out.WriteByte('\n'); err != nil {
			return err
		}
	}
	return out.Flush()
}

// run runs a command, again if it fails and may be, and reports what became of its items.
func (b *block) run(ctx context.Context, index, size int64, args, env []string, stdin func(io.Writer) error, item string) error {
	r := b.runner
	var e ended
	var text string
	var found []string
	begun := time.Now()
	for attempt := 0; ; attempt++ {
		select {
		case <-b.drain:
			return errDrained
		default:
		}
		var err error
		if e, err = b.attempt(ctx, args, env, stdin); err != nil {
			return err
		}
		if found, text, err = b.judge(&e, item); err != nil {
			return fmt.Errorf("read the command's output: %w", err)
		}
		if err := r.Joblog.add(index, e, &b.out, args); err != nil {
			return fmt.Errorf("write the joblog: %w", err)
		}
		if err := b.print(); err != nil {
			return fmt.Errorf("write the command's output: %w", err)
		}
		if e.ok() || attempt >= r.Retries {
			break
		}
		if err := b.pause(ctx, retryPause*time.Duration(attempt+1)); err != nil {
			return err
		}
	}
	rng := v1alpha1.Range{Index: index, Size: size}
	rep := v1alpha1.Report{Token: b.lease.Token, ElapsedSeconds: time.Since(begun).Seconds()}
	if r.Rows || !e.ok() {
		rep.Results = []v1alpha1.ItemResult{{Index: index, Size: size, OK: e.ok(), Exit: e.exit, Signal: signalName(e.signal),
			Reason: e.reason, Seconds: e.seconds, Output: text}}
	}
	if e.ok() {
		rep.Done = []v1alpha1.Range{rng}
	} else {
		rep.Failed = []v1alpha1.FailedItems{{Range: rng, Reason: e.reason}}
	}
	for _, f := range found {
		rep.Found = append(rep.Found, v1alpha1.Found{Index: index, Value: f})
	}
	b.sink(rep)
	return nil
}

// judge says what a command that has ended means: what it found, if that is what it was for, and what of its output is
// reported.
func (b *block) judge(e *ended, item string) (found []string, text string, err error) {
	r := b.runner
	if r.Output > 0 {
		text, err = b.out.tail(r.Output)
		if n, sizeErr := b.errs.size(); err == nil && !e.ok() && n > 0 {
			text, err = b.errs.tail(r.Output)
			err = errors.Join(err, sizeErr)
		}
		text = strings.TrimRight(text, "\n") // as $(...) does
	}
	switch {
	case err != nil || !r.Find:
	case e.ok() && r.Template.Mode == PerItem:
		found = []string{first(valid(item), maxFoundBytes)}
	case e.ok():
		found, err = b.out.lines(maxFound, maxFoundBytes)
	case e.exit == 1:
		e.reason = "" // looked, and not found
	}
	return found, text, err
}

// retryPause is how long a command rests before it is run again; longer after each further failure.
const retryPause = 100 * time.Millisecond

func (b *block) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-b.drain:
		return errDrained
	case <-t.C:
		return nil
	}
}

// attempt runs a command once. One that cannot be started because of its items has failed, as if a shell had tried.
func (b *block) attempt(ctx context.Context, args, env []string, stdin func(io.Writer) error) (ended, error) {
	e, err := b.once(ctx, args, env, stdin)
	if errors.Is(err, syscall.E2BIG) { // not for the variables: they may be its neighbours'
		env = without(env, itemVariables)
		e, err = b.once(ctx, args, env, stdin)
	}
	if exit, reason := b.runner.Template.itemsFault(err, args, env); exit != 0 {
		e.exit, e.reason, err = exit, reason, nil
	}
	return e, err
}

// once runs a command with empty files for its outputs, feeding it from stdin where that is not nil.
func (b *block) once(ctx context.Context, args, env []string, stdin func(io.Writer) error) (ended, error) {
	out, err := b.out.lend()
	if err != nil {
		return ended{}, err
	}
	defer out.Close()
	errs, err := b.errs.lend()
	if err != nil {
		return ended{}, err
	}
	defer errs.Close()
	if stdin == nil {
		return process(ctx, args, env, b.null, out, errs, b.runner.Timeout)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return ended{}, fmt.Errorf("make a pipe: %w", err)
	}
	fed := make(chan error, 1)
	go func() {
		err := stdin(writer)
		writer.Close()
		fed <- err
	}()
	e, err := process(ctx, args, env, reader, out, errs, b.runner.Timeout)
	reader.Close()
	writer.Close() // the feeding ends, too: the command need not read it all, nor a child that it left with the other end
	if feedErr := <-fed; err == nil && feedErr != nil && !errors.Is(feedErr, syscall.EPIPE) && !errors.Is(feedErr, os.ErrClosed) {
		err = fmt.Errorf("give the items to the command: %w", feedErr)
	}
	return e, err
}

// print writes the output of a command, unmixed with that of others.
func (b *block) print() error {
	writing.Lock()
	defer writing.Unlock()
	return errors.Join(b.out.print(orDiscard(b.runner.Stdout)), b.errs.print(orDiscard(b.runner.Stderr)))
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

func signalName(s syscall.Signal) string {
	if s == 0 {
		return ""
	}
	return s.String()
}
