package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
	"teamtask.dev/member"
)

// agentFlags say how a program learns of its part.
type agentFlags struct {
	memberFlags
	file, format     string
	onChange         string
	signal           string
	pidFile, process string
	hook             string
	http             string
}

func agentCommand(g *global) *cobra.Command {
	a := &agentFlags{}
	cmd := &cobra.Command{
		Use:   "agent SWARM [flags] [-- PROGRAM [ARG...]]",
		Short: "Join a swarm for one program: start it, or stand beside it",
		Long: `Join the pool of a swarm for one program that runs all the workloads which this worker is granted.

With -- PROGRAM the agent starts it, once there is something to run, and is its parent. The program
finds its part in a file, whose name is in $TEAMTASK_ASSIGNMENT_FILE and stands for {file} in its
arguments. When its part changes it is restarted or, with --on-change signal:HUP, told to read the
file again. It is stopped (SIGTERM, after --grace SIGKILL) before the worker's lease can have run
out, and dies with the agent. When it ends by itself the worker leaves, and the agent ends with its
exit code.

Without a program the agent stands beside one that runs already, such as another container of its pod.
It writes the part to --file; sends --signal to the process that --pid-file or --process names; runs
--hook; and answers at --http: whichever are given, in this order.

Only the program can tell when it runs its new part, and nothing else. Before that is known, what was
revoked from it is granted to nobody: it has been restarted, --hook has ended with exit code 0, or
the program has acknowledged the part at --http. With --hook and --http it takes both.

The file, by its name's end or --format: json (the version, and each workload with its epoch), yaml
(as k8s-swarm has it) or lines (a workload on each). It is replaced at once, never written in place.

The hook is run by /bin/sh with the part as JSON on its standard input, and in its environment
TEAMTASK_SWARM, TEAMTASK_WORKER, TEAMTASK_VERSION and TEAMTASK_ASSIGNMENT_FILE. A program that the
agent stands beside is told to run nothing, in all these ways, before the worker joins, and again
when its session ends: the part then is "version": 0, "workloads": [].

At --http:
  GET /assignment    the part as JSON, with an ETag; ?wait=60s waits until it is no longer that of
                     the request's If-None-Match (304 if it is still)
  PUT /acknowledge   {"version": N} says that the program runs that version, and nothing else; a
                     part, version 0 as well, is acknowledged only after it was asked for
  GET /healthz       200 while the worker is in the pool, 503 otherwise`,
		Example: `  teamtask swarm agent streams -- ./recorder --config {file}
  teamtask swarm agent streams --file streams.txt --on-change signal:HUP --hook ./has-read.sh -- ./recorder streams.txt
  teamtask swarm agent streams --kube --file /shared/part.yaml --signal HUP --process recorder --http 127.0.0.1:7080
  teamtask swarm agent streams --hook ./reconfigure.sh`,
		Args: func(cmd *cobra.Command, args []string) error {
			return swarmArguments(cmd, args, "teamtask swarm agent streams -- ./recorder")
		},
		ValidArgsFunction: g.completeSwarms,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(a.kube.check(cmd), a.check(len(args) > 1)); err != nil {
				return err
			}
			return a.run(cmd, g, args[0], args[1:])
		},
	}
	a.register(cmd)
	f := cmd.Flags()
	f.StringVar(&a.file, "file", "", "write the part to this file (default, with a program: a temporary one)")
	f.StringVar(&a.format, "format", "", "json, yaml or lines (default by the file's name: .json, .yaml or .yml, others lines)")
	f.StringVar(&a.onChange, "on-change", "", "what is done with the program when its part has changed: restart (the default), signal:NAME, or none: it looks by itself")
	f.StringVar(&a.signal, "signal", "", "send this signal, such as HUP, to a program beside the agent when its part has changed")
	f.StringVar(&a.pidFile, "pid-file", "", "file with the process ID of the program that --signal is for")
	f.StringVar(&a.process, "process", "", "name of the program that --signal is for: all processes that run it; in a pod with shareProcessNamespace")
	f.StringVar(&a.hook, "hook", "", "run this command when the part has changed; exit code 0: the program runs it")
	f.StringVar(&a.http, "http", "", "address at which the program asks for its part and acknowledges it, such as 127.0.0.1:7080")
	for flag, values := range map[string][]string{
		"format":    {"json", "lines", "yaml"},
		"on-change": {"none", "restart", "signal:HUP", "signal:USR1", "signal:USR2"},
		"signal":    {"HUP", "USR1", "USR2"},
	} {
		cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, nothingElse))
	}
	return cmd
}

// check refuses flags that do not go together.
func (a *agentFlags) check(program bool) error {
	if a.format == "" {
		a.format = formatOf(a.file)
	}
	if _, ok := partFormats[a.format]; !ok {
		return fmt.Errorf("--format %q: must be json, yaml or lines", a.format)
	}
	how := changeOf(a.onChange)
	_, err := signalOf(a.signal)
	_, changeErr := signalOf(how.signal)
	told := a.hook != "" || a.http != ""
	switch {
	case err != nil:
		return fmt.Errorf("--signal %w", err)
	case changeErr != nil:
		return fmt.Errorf("--on-change signal:%w", changeErr)
	case how.unknown:
		return fmt.Errorf("--on-change %q: must be restart, signal:NAME or none", a.onChange)
	case program && a.signal != "":
		return fmt.Errorf("--signal is for a program beside the agent; for one that it starts write --on-change signal:%s", a.signal)
	case program && !how.restart && !told:
		return fmt.Errorf("--on-change %s: nothing tells when the program runs its new part; add --hook CMD, which ends with exit code 0 once it does (`--hook 'sleep 2'` if it takes no longer for certain), or --http ADDR, where it says so itself", a.onChange)
	case program && how.restart && a.hook != "":
		return errors.New("--hook is not needed where the program is restarted when its part has changed: leave it out, or add --on-change signal:HUP")
	case program:
	case a.onChange != "":
		return errors.New("--on-change is for a program that the agent starts: give it after --, or use --signal")
	case a.signal != "" && a.pidFile == "" && a.process == "":
		return errors.New("--signal needs to know which process it is for: add --pid-file FILE or --process NAME")
	case a.signal == "" && (a.pidFile != "" || a.process != ""):
		return errors.New("--pid-file and --process say which process a signal is for: add --signal HUP, or what it listens to")
	case a.pidFile != "" && a.process != "":
		return errors.New("--pid-file and --process both say which process is meant: leave out one of them")
	case !told:
		return errors.New("nothing tells when the program runs its part: give it after -- to have the agent start it, or add --hook CMD, which ends with exit code 0 once it does, or --http ADDR, where it says so itself")
	}
	return nil
}

func (a *agentFlags) run(cmd *cobra.Command, g *global, swarm string, command []string) error {
	log, err := g.log(cmd.ErrOrStderr(), slog.LevelWarn)
	if err != nil {
		return err
	}
	w, err := a.worker()
	if err != nil {
		return err
	}
	ctx, end := context.WithCancelCause(cmd.Context())
	defer end(nil)
	say := lines(cmd.ErrOrStderr())
	log = g.plain(log, say)
	agent := &agent{swarm: swarm, worker: w.Name, say: say}
	if len(command) > 0 && a.file == "" {
		dir, err := os.MkdirTemp("", "teamtask-agent-")
		if err != nil {
			return fmt.Errorf("make a file for the program's part: %w; name one with --file", err)
		}
		defer os.RemoveAll(dir)
		a.file = filepath.Join(dir, "assignment.json")
		a.format = "json"
	}
	if a.file != "" {
		if agent.file.path, err = filepath.Abs(a.file); err != nil {
			return fmt.Errorf("--file: %w", err)
		}
		agent.file.format = partFormats[a.format]
	}
	if len(command) > 0 {
		agent.program = newParent(command, changeOf(a.onChange), a.grace, agent, end)
		if err := agent.program.check(); err != nil {
			return err
		}
		defer agent.program.close()
	}
	if a.signal != "" {
		sig, _ := signalOf(a.signal)
		agent.neighbour = &neighbour{signal: sig, pidFile: a.pidFile, name: a.process}
	}
	agent.hook = a.hook
	if a.http != "" {
		agent.board = newBoard()
		stop, err := agent.board.serve(a.http, log)
		if err != nil {
			return fmt.Errorf("--http %s: %w", a.http, err)
		}
		defer stop()
	}
	err = a.memberFlags.run(ctx, g, swarm, w, log, say, member.Options{
		Joined: func(time.Duration) { agent.board.member(true) },
		Lost: func(why error) {
			agent.board.member(false)
			say("lost, and joining anew: %v", why)
		},
		Kill: dieOf(say),
	}, agent.apply)
	if err == nil {
		var ended exit
		if errors.As(context.Cause(ctx), &ended) && ended != 0 { // the program has, by itself
			return ended
		}
	}
	return err
}

// agent has one program run a worker's part.
type agent struct {
	swarm, worker string
	say           func(format string, args ...any)
	file          partFile
	program       *parent    // nil: it is not started by the agent
	neighbour     *neighbour // nil: none is signalled
	hook          string
	board         *board // nil: none

	runs *v1alpha1.AssignmentSpec // what it runs; nil: that is not known
}

// apply is a member.Apply.
func (a *agent) apply(ctx context.Context, part v1alpha1.AssignmentSpec) error {
	part.Swarm = a.swarm
	stop := part.Incarnation == ""
	same := a.runs != nil && (a.runs.Incarnation == "") == stop && sameWorkloads(a.runs, &part)
	a.runs = nil
	if a.program != nil && (stop || a.program.restarts(same)) {
		if err := a.program.stop(ctx, stop); err != nil {
			return err
		}
	}
	if err := a.file.write(&part); err != nil {
		return err
	}
	a.board.put(part, same)
	switch {
	case a.program != nil && a.program.running == nil && len(part.Workloads) == 0: // there is nothing to run it for
	case a.program != nil:
		fresh, err := a.program.tell(same)
		if err == nil && !fresh {
			err = a.confirm(ctx, part, same)
		}
		if err != nil {
			return err
		}
	default:
		if err := a.beside(ctx, part, same); err != nil {
			return err
		}
	}
	a.runs = &part
	if !same && !stop {
		a.say("runs version %d: %s", part.Version, text.Number(int64(len(part.Workloads)), "workload", "workloads"))
	}
	return nil
}

// beside has a program that was not started by the agent run a part.
func (a *agent) beside(ctx context.Context, part v1alpha1.AssignmentSpec, same bool) error {
	var err error
	if a.neighbour != nil && !same {
		var told int
		if told, err = a.neighbour.tell(); err == nil && told == 0 {
			a.say("warning: no process was signalled: %s does not run, or is not seen from here", a.neighbour)
		}
	}
	if err == nil {
		err = a.confirm(ctx, part, same)
	}
	if err != nil && part.Incarnation == "" && ctx.Err() != nil && a.neighbour != nil {
		return a.neighbour.kill() // it is out of time, and finds an empty part when it is started again
	}
	return err
}

// confirm waits until the program is known to run a part.
func (a *agent) confirm(ctx context.Context, part v1alpha1.AssignmentSpec, same bool) error {
	if same {
		return nil
	}
	if a.hook != "" {
		a.say("running the hook for version %d", part.Version)
		if err := runHook(ctx, a.hook, a.environment(), &part); err != nil {
			return err
		}
	}
	return a.board.acknowledged(ctx, part, a.say)
}

// environment is that of the program, and of hooks.
func (a *agent) environment() []string {
	env := append(os.Environ(), "TEAMTASK_SWARM="+a.swarm, "TEAMTASK_WORKER="+a.worker)
	if a.file.path != "" {
		env = append(env, "TEAMTASK_ASSIGNMENT_FILE="+a.file.path)
	}
	return env
}

// sameWorkloads tells whether only the version of a part is new.
func sameWorkloads(a, b *v1alpha1.AssignmentSpec) bool {
	epochs := make(map[string]int64, len(a.Workloads))
	for _, g := range a.Workloads {
		epochs[g.Name] = g.Epoch
	}
	for _, g := range b.Workloads {
		if epoch, ok := epochs[g.Name]; !ok || epoch != g.Epoch {
			return false
		}
	}
	return len(a.Workloads) == len(b.Workloads)
}
