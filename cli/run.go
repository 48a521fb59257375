package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
	"teamtask.dev/items"
	"teamtask.dev/server"
	"teamtask.dev/store"
	"teamtask.dev/worker"
)

type runOptions struct {
	source sourceFlags
	list   listFlags
	work   workFlags
	state  string
	fresh  bool
	again  bool
	dryRun bool
	rows   string
}

func runCommand(g *global) *cobra.Command {
	o := &runOptions{}
	cmd := &cobra.Command{
		Use:   "run (--range ... | --lines FILE | ...) [flags] -- COMMAND [ARG...]",
		Short: "Run a command for every item on this machine, and go on where it stopped",
		Long: `Run a command for every item on this machine. No server is needed.

It can be stopped at any time, with Ctrl-C or otherwise: the same command, started again in the
same directory, goes on where it stopped; only commands that were running are run again. If the
items or the command have changed meanwhile it says so and does nothing. Ctrl-C ends the commands
that run; SIGTERM lets them finish first.

The exit code is that of GNU parallel: 0 if all items are done, 1-100 if so many failed, 101 if
more than 100 failed or the run was stopped by its limits, 255 for other errors; 130 after Ctrl-C.
An item is tried once, unless --retries or --max-attempts say otherwise.
` + replacementHelp,
		Example: `  teamtask run --lines hosts.txt -- ping -c1 {}
  teamtask run --range 1..10000000 --pipe -- ./check-primes
  teamtask run -- echo {1} {2} ::: a b ::: 1 2
  seq 100 | teamtask run -- echo
  teamtask run --range 1..100 -j8 --retries 2 --joblog log -- ./convert {}`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return otherError{errors.New("the command is missing, as in `teamtask run --range 1..3 -- echo {}`")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			err := o.run(cmd, g, args)
			if err == nil || errors.As(err, new(exit)) || cmd.Context().Err() != nil {
				return err
			}
			return otherError{err}
		},
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return otherError{flagError(cmd, err)} })
	o.source.register(cmd)
	o.list.register(cmd)
	o.work.register(cmd)
	f := cmd.Flags()
	f.StringVar(&o.state, "state", "", "directory for the run's state (default: one for this directory and source, in $XDG_STATE_HOME/teamtask)")
	f.BoolVar(&o.fresh, "fresh", false, "forget an earlier run over the same source and begin anew")
	f.BoolVar(&o.again, "retry-failed", false, "also try again what failed in an earlier run")
	f.StringVar(&o.rows, "results", "", "when it ends, write a row for each item to this file: JSON lines, or CSV if its name ends so")
	f.BoolVar(&o.dryRun, "dry-run", false, "print the commands of the first items and do nothing")
	return cmd
}

// runName is the name of the one list in a run's state.
const runName = "run"

func (o *runOptions) run(cmd *cobra.Command, g *global, command []string) error {
	ctx := cmd.Context()
	log, err := g.log(cmd.ErrOrStderr(), slog.LevelWarn)
	if err != nil {
		return err
	}
	command, given, err := items.ParseArgs(command)
	if err != nil {
		return err
	}
	template, err := worker.Parse(command, o.work.pipe)
	if err != nil {
		return err
	}
	if err := (&worker.Runner{Template: template}).Check(); err != nil && !o.dryRun {
		return err // before there is a run that is bound to it
	}
	if err := checkExport(o.rows); err != nil {
		return err
	}
	if given.Empty() && o.source.none() && !isTerminal(cmd.InOrStdin()) {
		o.source.lines = standardInput
	}
	if !cmd.Flags().Changed("max-attempts") {
		o.list.spec.Block.MaxAttempts = 1
	}
	wl, err := newWorklist(ctx, runName, &o.source, &o.list, given)
	if err != nil {
		return err
	}
	wl.Spec.Command = o.work.identity(command)
	if o.work.find {
		wl.Spec.StopAtFirstSuccess = true
	}
	if o.rows != "" && wl.Spec.Results.Keep == "" {
		wl.Spec.Results.Keep = v1alpha1.KeepItems
	}
	var source items.Source
	if wl.Spec.Items != nil {
		if source, err = openSource(ctx, wl.Spec.Items, o.source.files); err != nil {
			return err
		}
	}
	if o.dryRun {
		return o.preview(cmd, template, source, wl.Spec.Size)
	}
	if o.state == "" {
		if o.state, err = stateDir(wl); err != nil {
			return err
		}
	}
	if o.fresh {
		if err := removeState(o.state); err != nil {
			return err
		}
	}
	st, err := store.Open(ctx, store.Options{Dir: o.state, Log: log})
	if errors.Is(err, store.ErrInUse) {
		return fmt.Errorf("this run is going on already: %w", err)
	}
	if err != nil {
		return err
	}
	defer st.Close()
	srv, err := server.New(ctx, server.Options{Store: st, Log: log, Exclusive: true})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen on this machine: %w", err)
	}
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- serveHTTP(serving, srv, srv.Lost(), listener, slog.New(slog.DiscardHandler)) }()
	c := client.New(urlOf(listener.Addr(), false), srv.Token())
	work, drain, stop := drainOnSignal(cmd.ErrOrStderr(), nil, syscall.SIGTERM) // Ctrl-C cuts off, as with GNU parallel
	defer stop()
	if err = ctx.Err(); err == nil { // no signal before
		err = o.finish(work, drain, cmd, c, wl, template, source, log)
	}
	c.Close()
	stopServing()
	return errors.Join(err, <-served)
}

// finish runs the list to its end and says how it ended.
func (o *runOptions) finish(ctx context.Context, drain <-chan struct{}, cmd *cobra.Command, c *client.Client, wl *v1alpha1.Worklist,
	template *worker.Template, source items.Source, log *slog.Logger) error {
	list, err := o.begin(ctx, c, wl)
	if err != nil {
		return err
	}
	stderr := cmd.ErrOrStderr()
	before := list.Status
	if !before.Phase().Over() {
		if before.Done > 0 {
			fmt.Fprintf(stderr, "Going on where it stopped: %s of %s items are done.\n", text.Count(before.Done), text.Count(before.Size))
		}
		p := newProgress(stderr)
		watching, stopWatching := context.WithCancel(ctx)
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			p.follow(watching, c, runName)
		}()
		o.work.every = 200 * time.Millisecond // nobody else pays for it, and a crash costs as much
		o.work.stdout, o.work.stderr = p.beside(cmd.OutOrStdout()), p.beside(stderr)
		err = o.do(ctx, drain, c, cmd, list, template, source, log)
		stopWatching()
		<-watched
		p.end()
	}
	last, getErr := c.Get(context.WithoutCancel(ctx), runName)
	if getErr != nil {
		return errors.Join(err, getErr)
	}
	if err == nil || ctx.Err() != nil {
		summarize(stderr, before, last.Status, source)
	}
	if o.rows != "" {
		err = errors.Join(err, exportTo(o.rows, named(c.Results(context.WithoutCancel(ctx), runName, client.ResultsFilter{}), source)))
	}
	if err != nil {
		return err
	}
	select {
	case <-drain:
		if !last.Status.Phase().Over() {
			return exit(128 + int(syscall.SIGTERM))
		}
	default:
	}
	return outcome(last.Status)
}

// do runs the command for the items that are left.
func (o *runOptions) do(ctx context.Context, drain <-chan struct{}, c *client.Client, cmd *cobra.Command, list *v1alpha1.Worklist,
	template *worker.Template, source items.Source, log *slog.Logger) error {
	rs := o.work.newRunners(c, cmd, template)
	if err := rs.openJoblog(); err != nil {
		return err
	}
	defer rs.joblog.Close()
	if _, err := rs.add(list, source); err != nil {
		return err
	}
	return o.work.do(ctx, drain, rs, runName, list.Spec.Command, log)
}

// preview prints the commands of the first items.
func (o *runOptions) preview(cmd *cobra.Command, template *worker.Template, source items.Source, size int64) error {
	const most = 10
	r := &worker.Runner{Template: template, Source: source}
	block := size
	if n := o.list.spec.Block.Size; n > 0 {
		block = min(n, size)
	}
	lines, more, err := r.Preview(v1alpha1.Lease{Size: block}, most)
	if err != nil {
		return err
	}
	for _, line := range lines {
		fmt.Fprintln(cmd.OutOrStdout(), line)
	}
	if more || block < size {
		fmt.Fprintf(cmd.OutOrStdout(), "... for %s items in all\n", text.Count(size))
	}
	return nil
}
