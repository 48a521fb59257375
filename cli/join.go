package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/member"
)

func joinCommand(g *global) *cobra.Command {
	m := &memberFlags{}
	cmd := &cobra.Command{
		Use:   "join SWARM [flags] -- COMMAND [ARG...]",
		Short: "Join a swarm: run a process for each workload that this worker is granted",
		Long: `Join the pool of a swarm: run a process for each workload that this worker is granted, for as long
as it is. What is revoked gets SIGTERM, and after --grace SIGKILL, with its children; only when it
has ended another worker is granted it. A process that ends by itself is started again, after a
pause that doubles each time up to a minute.

If the server cannot be reached for so long that this worker may be thought gone, all processes are
stopped before its lease runs out; then it joins anew. They die with this command, however it ends.

What it does is said on standard error, a line each. On SIGTERM, or the first Ctrl-C, all processes
are stopped and the worker leaves; on another, a second later or more, they are killed, and others
get the workloads once the lease has run out.

Replacement strings in the command:
  {workload}   the workload's name
  {epoch}      a number greater than that of every owner before: have what the process writes to
               refuse lower ones than it has seen
  {worker}     this worker's name
A command with none of them has the name appended. One that is a single argument of several words
is run by /bin/sh. The process gets TEAMTASK_SWARM, TEAMTASK_WORKER, TEAMTASK_WORKLOAD and
TEAMTASK_EPOCH in its environment.`,
		Example: `  teamtask join streams -- ./record {workload}
  teamtask join streams --worker left --label zone=a -- ./record --fence {epoch} {workload}
  teamtask join streams --drain 30s -- 'ffmpeg -i rtsp://cameras/{workload} -c copy {workload}.mkv'
  teamtask join streams --kube -n video -- ./record {workload}`,
		Args: func(cmd *cobra.Command, args []string) error {
			return swarmArguments(cmd, args, "teamtask join streams -- ./record {workload}")
		},
		ValidArgsFunction: g.completeSwarms,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := m.kube.check(cmd); err != nil {
				return err
			}
			if len(args) == 1 {
				return errors.New("the command is missing: give it after --, as in `teamtask join " + args[0] + " -- ./record {workload}`")
			}
			return m.join(cmd, g, args[0], args[1:])
		},
	}
	m.register(cmd)
	return cmd
}

// swarmArguments checks that one swarm is named before the command.
func swarmArguments(cmd *cobra.Command, args []string, example string) error {
	dash := cmd.ArgsLenAtDash()
	switch {
	case len(args) == 0 || dash == 0:
		return fmt.Errorf("the swarm is missing: name it, as in `%s`", example)
	case dash < 0 && len(args) > 1, dash > 1:
		return fmt.Errorf("%q: one swarm is named, and the command stands after --, as in `%s`", args[1], example)
	}
	return nil
}

func (m *memberFlags) join(cmd *cobra.Command, g *global, swarm string, command []string) error {
	log, err := g.log(cmd.ErrOrStderr(), slog.LevelWarn)
	if err != nil {
		return err
	}
	w, err := m.worker()
	if err != nil {
		return err
	}
	t := parseConsumer(command)
	if err := t.check(); err != nil {
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	say := lines(cmd.ErrOrStderr())
	log = g.plain(log, say)
	c := &consumers{template: t, swarm: swarm, worker: w.Name, grace: m.grace, null: null, say: say, running: map[string]*consumer{}}
	return m.run(cmd.Context(), g, swarm, w, log, say, member.Options{
		Joined: func(time.Duration) {},
		Lost:   func(why error) { say("lost, and joining anew: %v", why) },
		Kill:   dieOf(say),
	}, c.apply)
}

// lines writes a line at a time.
func lines(w io.Writer) func(format string, args ...any) {
	var mu sync.Mutex
	return func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(w, format+"\n", args...)
	}
}
