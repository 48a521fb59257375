package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/items"
	"teamtask.dev/worker"
)

// workFlags say how a command is run for items.
type workFlags struct {
	jobs    int
	pipe    bool
	timeout time.Duration
	retries int
	find    bool
	joblog  string
	name    string
	all     bool
	every   time.Duration // reports of what is done; 0: with each heartbeat

	stdout, stderr io.Writer // of commands; nil: the command's own
}

func (w *workFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.SetInterspersed(false) // what follows the name is the command's own
	f.VarP(intAtLeast(1, &w.jobs), "jobs", "j", "commands to run at the same time (default: one for each processor)")
	f.BoolVar(&w.pipe, "pipe", false, "run the command once for each block, with its items on standard input, a line each")
	f.Var(durationAtLeast(time.Millisecond, &w.timeout), "timeout", "end a command that takes longer; its item has failed")
	f.Var(intAtLeast(0, &w.retries), "retries", "run a command that failed again, so often, before its item has failed")
	f.BoolVar(&w.find, "find", false, "as with grep, exit code 0 means found, 1 not found, and more that the command failed")
	f.StringVar(&w.joblog, "joblog", "", "append a line for each command to this file, as GNU parallel does")
	f.StringVar(&w.name, "name", "", "the worker's name (default from host and process)")
}

const replacementHelp = `
Replacement strings in the command are those of GNU parallel:
  {}                 the item
  {.} {/} {//} {/.}  without extension, base name, directory, base name without extension
  {1} {2} ...        fields of the item
  {#} {%}            the item's index (from 0), the slot (from 1)
  {start} {end}      the first and the last item of the block
  {index} {size}     the block's first index and its number of items
A command with none of them has the item appended. One with only the last four runs once for
each block. The command also gets TEAMTASK_ITEM, TEAMTASK_INDEX, TEAMTASK_SIZE, ... in its
environment.`

func workCommand(g *global) *cobra.Command {
	w, k := &workFlags{}, &kubeFlags{}
	onServer := g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
		return w.work(ctx, g, c, cmd, args)
	})
	cmd := &cobra.Command{
		Use:   "work (NAME | --all) [flags] -- COMMAND [ARG...]",
		Short: "Work on a worklist: run a command for its items",
		Long: `Work on a worklist: claim its blocks and run a command for each item, until the list is over.
With --all work on every list of the server that is not over, and on those that are created later,
by their priority and weight, until it is stopped. All of them get the same command.

With --kube the list is a Worklist in Kubernetes, and no List server is needed: the worker creates
Block objects there and turns them in, at most one more than --jobs at a time; large ones it shares
out among its commands in blocks of the list's size. In a pod it finds the cluster, its namespace
and its name by itself; elsewhere it goes by the kubeconfig, as kubectl does. It takes the rights
of the ClusterRole teamtask-worker in the list's namespace.

On SIGTERM, or the first Ctrl-C, the worker finishes the commands that run, gives the rest back
and ends; on the second Ctrl-C it ends the commands, too.
` + replacementHelp,
		Example: `  teamtask work hosts -- ping -c1 {}
  teamtask work primes -j4 -- ./check-primes {start} {end}
  teamtask work primes --pipe -- ./check-primes
  teamtask work --all -- ./do {}     # the list is in $TEAMTASK_WORKLIST
  teamtask work --kube -n science primes -- ./check-primes {start} {end}`,
		Args: func(cmd *cobra.Command, args []string) error { return w.checkArguments(cmd.ArgsLenAtDash(), args) }, ValidArgsFunction: g.completeLists,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := k.check(cmd); err != nil {
				return err
			}
			if k.on {
				return w.workInKube(k, g, cmd, args)
			}
			return onServer(cmd, args)
		},
	}
	w.register(cmd)
	k.register(cmd)
	cmd.Flags().SetInterspersed(true)
	cmd.Flags().BoolVar(&w.all, "all", false, "work on all lists of the server")
	return cmd
}

// checkArguments refuses what would be taken for something else: dash is how many arguments stand before --, or -1.
func (w *workFlags) checkArguments(dash int, args []string) error {
	switch {
	case !w.all && (len(args) == 0 || dash == 0):
		return errors.New("name a worklist, or give --all")
	case w.all && dash > 0:
		return fmt.Errorf("with --all no worklist is named: leave out %q", args[0])
	}
	return nil
}

func (w *workFlags) work(_ context.Context, g *global, c *client.Client, cmd *cobra.Command, args []string) error {
	log, err := g.log(cmd.ErrOrStderr(), slog.LevelWarn)
	if err != nil {
		return err
	}
	ctx, drain, stop := drainOnSignal(cmd.ErrOrStderr(), cmd.Context().Done(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	name, command := "", args
	if !w.all {
		name, command = args[0], args[1:]
	}
	template, err := worker.Parse(command, w.pipe)
	if err != nil {
		return err
	}
	rs := w.newRunners(c, cmd, template)
	if err := rs.openJoblog(); err != nil {
		return err
	}
	defer rs.joblog.Close()
	if !w.all {
		if _, err := rs.of(ctx, name); err != nil {
			return err
		}
	}
	err = w.do(ctx, drain, rs, name, w.identity(command), log)
	if errors.Is(err, context.Canceled) {
		return exit(130)
	}
	if err != nil {
		return err
	}
	return rs.summarize(ctx, name)
}

// summarize says how the list stands, or with "" only what this worker did.
func (rs *runners) summarize(ctx context.Context, name string) error {
	if name != "" {
		wl, err := rs.client.Get(ctx, name)
		if err != nil {
			return err
		}
		return summarizeWork(rs.cmd.ErrOrStderr(), wl, rs.done.Load())
	}
	_, err := fmt.Fprintln(rs.cmd.ErrOrStderr(), workerDid(rs.done.Load()))
	return err
}

// runners are what runs the command for the items of each list.
type runners struct {
	flags    *workFlags
	template *worker.Template
	client   *client.Client
	cmd      *cobra.Command
	joblog   *worker.Joblog
	done     atomic.Int64 // items that this worker turned in as done

	mu     sync.Mutex
	byList map[string]*worker.Runner
	uid    map[string]types.UID
}

func (w *workFlags) newRunners(c *client.Client, cmd *cobra.Command, template *worker.Template) *runners {
	if w.name == "" {
		w.name = client.WorkerName()
	}
	if w.stdout == nil {
		w.stdout, w.stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
	}
	return &runners{flags: w, template: template, client: c, cmd: cmd, byList: map[string]*worker.Runner{}, uid: map[string]types.UID{}}
}

func (rs *runners) openJoblog() (err error) {
	if rs.flags.joblog != "" {
		rs.joblog, err = worker.OpenJoblog(rs.flags.joblog)
	}
	return err
}

// of is the runner for a list, made when it is first asked for.
func (rs *runners) of(ctx context.Context, name string) (*worker.Runner, error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	known := rs.byList[name]
	if known != nil && !rs.flags.all {
		return known, nil
	}
	wl, err := rs.client.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if known != nil && rs.uid[name] == wl.UID { // a worker for all lists outlives them: a name may come to mean another one
		return known, nil
	}
	var source items.Source
	if wl.Spec.Items != nil {
		if source, err = openSource(ctx, wl.Spec.Items, lineFiles{}); err != nil {
			return nil, fmt.Errorf("worklist %s: %w", name, err)
		}
	}
	return rs.add(wl, source)
}

// add makes the runner of a list. The caller holds the lock, or nobody else knows of rs yet.
func (rs *runners) add(wl *v1alpha1.Worklist, source items.Source) (*worker.Runner, error) {
	w := rs.flags
	r := &worker.Runner{Template: rs.template, Source: source, Worklist: wl.Name, Worker: w.name, Timeout: w.timeout, Retries: w.retries,
		Find: w.find, Rows: wl.Spec.Results.Keep == v1alpha1.KeepItems, Stdout: w.stdout, Stderr: w.stderr,
		Joblog: rs.joblog}
	if q := wl.Spec.Results.Output; q != nil {
		r.Output = int(q.Value())
	}
	rs.byList[wl.Name], rs.uid[wl.Name] = r, wl.UID
	return r, r.Check()
}

// identity is what a list is bound to: the command, and how it gets its items.
func (w *workFlags) identity(command []string) []string {
	if w.pipe {
		return append([]string{"--pipe", "--"}, command...)
	}
	return command
}

// do runs the command for the items of a list, or with "" of all lists, until the list is over, drained, or ctx ends. A list
// that is bound to another identity refuses it.
func (w *workFlags) do(ctx context.Context, drain <-chan struct{}, rs *runners, list string, identity []string, log *slog.Logger) error {
	jobs := w.jobs
	if jobs <= 0 {
		jobs = runtime.NumCPU()
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	err := rs.client.Work(ctx, list, func(ctx context.Context, b *client.Block) error {
		r, err := rs.of(ctx, b.Worklist)
		if err == nil {
			err = r.Run(ctx, b.Lease, b.Slot, drain, func(rep v1alpha1.Report) {
				for _, d := range rep.Done {
					rs.done.Add(d.Size)
				}
				b.Report(rep)
			})
		}
		if err != nil && ctx.Err() == nil {
			fail(err) // the worker's own fault: it must not fail the items, or it would fail the whole list
		}
		return client.ErrRelease // what the runner did not report: nothing, unless it was stopped
	}, client.WorkOptions{Worker: w.name, Parallel: jobs, Command: identity, Log: log, Drain: drain, ReportEvery: w.every})
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}
