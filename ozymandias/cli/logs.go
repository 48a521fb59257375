package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

func logsCommand(g *global) *cobra.Command {
	var l client.Log
	var since time.Duration
	var stamps bool
	cmd := &cobra.Command{
		Use: "logs JOB_OR_INSTANCE", Short: "Print what containers have written", Args: cmdline.Arguments(1, 1), ValidArgsFunction: g.completeInstances(),
		Long: `Print what the containers of an instance, or of all instances of a job, have written. Where there
are several, each line begins with whose it is. What has ended for good can be read until its job
is deleted, as long as its node lives and has room for it.`,
		Example: `  ozymandias logs webapp-0
  ozymandias logs webapp -f --tail 10 -c app
  ozymandias logs webapp-0 --previous      # why did it crash?
  ozymandias logs webapp-0 --node n2       # where it was before`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			if l.Tail < 0 {
				return fmt.Errorf("--tail %d: must be a number of lines", l.Tail)
			}
			if since > 0 {
				l.Since = time.Now().Add(-since)
			}
			if l.Node != "" { // the instance may not be there any more
				out := &logWriter{out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), stamps: stamps, containers: l.Container == ""}
				return out.copy(ctx, c, bare("instance", args[0]), l)
			}
			found, err := instances(ctx, c, args)
			if err != nil {
				return err
			}
			found = slices.DeleteFunc(found, func(in v1.Instance) bool { return len(found) > 1 && (in.Node == "" || in.Leaving) })
			if len(found) == 0 {
				return fmt.Errorf("job %s has no instance that runs anywhere: `ozymandias explain %s` says why", args[0], args[0])
			}
			out := &logWriter{out: cmd.OutOrStdout(), err: cmd.ErrOrStderr(), stamps: stamps, several: len(found) > 1}
			for _, in := range found {
				if l.Container == "" && len(in.Containers) > 1 {
					out.containers = true
				}
			}
			var reading sync.WaitGroup
			failed := make([]error, len(found))
			for i, in := range found {
				reading.Go(func() {
					failed[i] = out.copy(ctx, c, in.Name, l)
					if failed[i] != nil && l.Follow && ctx.Err() == nil { // the others may go on for days
						fmt.Fprintln(cmd.ErrOrStderr(), "Error:", unreached(failed[i]))
						failed[i] = cmdline.Exit(1)
					}
				})
			}
			reading.Wait()
			return errors.Join(failed...)
		}),
	}
	f := cmd.Flags()
	f.StringVarP(&l.Container, "container", "c", "", "only this container (default all)")
	f.StringVar(&l.Node, "node", "", "what an INSTANCE wrote on this node, before it went to another or was not wanted any more")
	f.BoolVarP(&l.Previous, "previous", "p", false, "what was written before the container was last started")
	f.BoolVarP(&l.Follow, "follow", "f", false, "go on until the containers have ended")
	f.IntVar(&l.Tail, "tail", 0, "only so many of the last lines of each container (default all)")
	f.DurationVar(&since, "since", 0, "only what was written within this time, such as 10m")
	f.BoolVar(&stamps, "timestamps", false, "begin each line with its time")
	_ = cmd.RegisterFlagCompletionFunc("node", g.completeNodes())
	return cmd
}

// logWriter writes the lines of several instances, each at once.
type logWriter struct {
	mu                          sync.Mutex
	out, err                    io.Writer
	stamps, several, containers bool
}

func (w *logWriter) copy(ctx context.Context, c *client.Client, instance string, l client.Log) error {
	for line, err := range c.Logs(ctx, instance, l) {
		if err != nil {
			return err
		}
		if err := w.write(instance, line); err != nil {
			return err
		}
	}
	return nil
}

// write writes a line with whose it is, if there are several that it may be.
func (w *logWriter) write(instance string, line v1.LogLine) error {
	before := ""
	switch {
	case w.several && w.containers:
		before = instance + "/" + line.Container + " | "
	case w.several:
		before = instance + " | "
	case w.containers:
		before = line.Container + " | "
	}
	if w.stamps {
		before = line.Time.UTC().Format(time.RFC3339Nano) + " " + before
	}
	to := w.out
	if line.Stderr {
		to = w.err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := fmt.Fprintln(to, before+line.Text)
	return err
}
