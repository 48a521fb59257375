package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

// lookAgain is how often a command that waits looks.
const lookAgain = 500 * time.Millisecond

// settled is how long nothing may leave a node, while something has no place elsewhere, before that is final: what stops on other nodes
// makes room there.
const settled = 5 * time.Second

func drainCommand(g *global) *cobra.Command {
	wait := true
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "drain NODE", Short: "Have a node's instances go elsewhere, and no new ones come", Args: cmdline.Arguments(1, 1), ValidArgsFunction: first(g.completeNodes()),
		SuggestFor: []string{"cordon"},
		Long: `Have a node's instances go elsewhere, and no new ones come. The command waits until the
node is empty. What has no place elsewhere stays: if nothing leaves for 5 s, it says what that is
and why, and its exit code is 1.`,
		Example: `  ozymandias drain n2
  ozymandias drain n2 --timeout 10m && ssh n2 reboot
  ozymandias undrain n2`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			name := bare("node", args[0])
			if _, err := c.Drain(ctx, name, true); err != nil {
				return err
			}
			if !wait {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "node/%s draining\n", name)
				return err
			}
			within, done := limited(ctx, timeout)
			defer done()
			err := drained(within, c, cmd.ErrOrStderr(), name)
			switch {
			case err == nil:
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "node/%s drained\n", name)
			case within.Err() != nil && ctx.Err() == nil:
				err = fmt.Errorf("node %s is not empty after %s; it goes on draining", name, timeout)
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&wait, "wait", true, "wait until nothing runs there any more")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "how long to wait (default for ever)")
	return cmd
}

// limited is a context that ends after a time; 0: by itself only.
func limited(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout > 0 {
		return context.WithTimeout(ctx, timeout)
	}
	return context.WithCancel(ctx)
}

// drained waits until a node is empty, and says what is left there whenever that changes. Where nothing leaves any more, as there is no room
// elsewhere, the error says why.
func drained(ctx context.Context, c *client.Client, w io.Writer, name string) error {
	said, changed := "", time.Now()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		n, instances, err := on(ctx, c, name)
		if err != nil {
			return err
		}
		if !n.Draining {
			return fmt.Errorf("node %s is not drained: somebody has opened it again meanwhile", name)
		}
		if n.Phase != v1.Draining && (n.Phase != v1.Unfit || len(instances) == 0) {
			return nil // drained or lost
		}
		var left []string
		for _, in := range instances {
			left = append(left, in.Name)
		}
		if now := text.Number(int64(len(left)), "instance", "instances") + " left: " + strings.Join(left, ", "); now != said {
			fmt.Fprintln(w, now)
			said, changed = now, time.Now()
		}
		if len(n.Stuck) > 0 && time.Since(changed) >= settled {
			var why []string
			for _, w := range n.Stuck {
				why = append(why, w.Why)
			}
			return fmt.Errorf("node %s cannot be emptied:\n%s", name, strings.Join(why, "\n"))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

// on looks at a node, and what is on it.
func on(ctx context.Context, c *client.Client, name string) (n v1.Node, instances []v1.Instance, err error) {
	ctx, done := cmdline.Look(ctx)
	defer done()
	if n, err = c.Node(ctx, name); err == nil {
		instances, err = c.Instances(ctx, "", name)
	}
	return n, instances, err
}

func undrainCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "undrain NODE", Short: "Let instances come to a node again", Args: cmdline.Arguments(1, 1), ValidArgsFunction: first(g.completeNodes()),
		SuggestFor: []string{"uncordon"},
		Example:    "  ozymandias undrain n2",
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			name := bare("node", args[0])
			n, err := c.Drain(ctx, name, false)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "node/%s %s\n", name, strings.ToLower(string(n.Phase)))
			return err
		}),
	}
}

func labelCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "label NODE LABEL=VALUE...", Short: "Give a node labels, or take them away (LABEL-)", Args: cmdline.Arguments(2, cmdline.Many), ValidArgsFunction: first(g.completeNodes()),
		Example: `  ozymandias label n1 zone=a disk=ssd
  ozymandias label n1 disk-`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			labels := map[string]*string{}
			for _, arg := range args[1:] {
				name, value, set := strings.Cut(arg, "=")
				bare, away := strings.CutSuffix(name, "-")
				switch {
				case set && name != "":
					labels[name] = &value
				case away && bare != "":
					labels[bare] = nil
				default:
					return errors.New(arg + ": write LABEL=VALUE, or LABEL- to take it away")
				}
			}
			name := bare("node", args[0])
			if _, err := c.Label(ctx, name, labels); err != nil {
				return err
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "node/%s labeled\n", name)
			return err
		}),
	}
}
