package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/change"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/client"
)

// doing does something to a worklist or a swarm of that name, and says what became of it.
type doing func(ctx context.Context, c *client.Client, name string) (string, error)

// changeCommand is a command that does something to each worklist or swarm that it is given.
func changeCommand(g *global, verb, short string, list, swarm doing) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME...", Short: short, Args: cmdline.Arguments(1, cmdline.Many), ValidArgsFunction: g.completeNames,
		Example: fmt.Sprintf("  teamtask %[1]s primes sieve\n  teamtask %[1]s swarm streams", verb),
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			objects, err := cmdline.Objects(args)
			if err != nil {
				return err
			}
			var failed []error
			for _, o := range objects {
				do := list
				if o.Kind == v1alpha1.SwarmKind {
					do = swarm
				}
				became, err := do(ctx, c, o.Name)
				var p *client.Problem
				switch {
				case err == nil:
					fmt.Fprintf(cmd.OutOrStdout(), "%s/%s %s\n", strings.ToLower(o.Kind), o.Name, became)
				case errors.As(err, &p) && p.Status == http.StatusForbidden: // by a tier, which says where to ask instead
					return errors.Join(append(failed, fmt.Errorf("%w %s %s", err, verb, o.Name))...)
				case !errors.As(err, &p): // it would be the same with the others
					return errors.Join(append(failed, err)...)
				default:
					failed = append(failed, hint(ctx, c, verb, o, err))
				}
			}
			return errors.Join(failed...)
		}),
	}
}

// hint adds to the error of a list that is not there that a swarm of its name is.
func hint(ctx context.Context, c *client.Client, verb string, o cmdline.Object, err error) error {
	if o.Kind != v1alpha1.WorklistKind || !client.IsNotFound(err) {
		return err
	}
	if cmdline.KindOf(o.Name) == v1alpha1.SwarmKind {
		return fmt.Errorf("%w; for a swarm, name it: teamtask %s swarm NAME", err, verb)
	}
	if _, other := c.GetSwarm(ctx, o.Name); other != nil {
		return err
	}
	return fmt.Errorf("%w; there is a swarm of that name: teamtask %s swarm %s", err, verb, o.Name)
}

// verbCommand is the command of a change to the spec.
func verbCommand(g *global, v change.Verb) *cobra.Command {
	return changeCommand(g, v.Name, v.Short, func(ctx context.Context, c *client.Client, name string) (string, error) {
		wl, err := c.Get(ctx, name)
		if err != nil {
			return "", err
		}
		if why := v.Idle(wl); why != "" {
			return why, nil
		}
		_, err = c.Patch(ctx, name, v.Patch())
		return v.Done, err
	}, swarmVerb(v))
}

// swarmVerb is a change to the spec of a swarm.
func swarmVerb(v change.Verb) doing {
	return func(ctx context.Context, c *client.Client, name string) (string, error) {
		sw, err := c.GetSwarm(ctx, name)
		if err != nil {
			return "", err
		}
		if why, err := v.IdleSwarm(sw); why != "" || err != nil {
			return why, err
		}
		_, err = c.PatchSwarm(ctx, name, v.Patch())
		return v.Done, err
	}
}

func retryCommand(g *global) *cobra.Command {
	return changeCommand(g, "retry", change.RetryShort, func(ctx context.Context, c *client.Client, name string) (string, error) {
		before, err := c.Get(ctx, name)
		if err != nil {
			return "", err
		}
		if before.Spec.Cancelled {
			return change.NotCancelled(before), nil
		}
		n, err := c.Retry(ctx, name)
		if err != nil || n > 0 {
			return change.Reopened(int64(n)), err
		}
		after, err := c.Get(ctx, name)
		if err != nil || before.Status.Phase().Over() && !after.Status.Phase().Over() {
			return change.Reopened(0), err
		}
		return change.NothingToRetry, nil
	}, swarmVerb(change.Retry(&v1alpha1.Worklist{})))
}

func deleteCommand(g *global) *cobra.Command {
	return changeCommand(g, "delete", "Delete a worklist with its results, or a swarm", func(ctx context.Context, c *client.Client, name string) (string, error) {
		return "deleted", c.Delete(ctx, name)
	}, func(ctx context.Context, c *client.Client, name string) (string, error) {
		if err := c.DeleteSwarm(ctx, name); err != nil {
			return "", err
		}
		if _, err := c.GetSwarm(ctx, name); client.IsNotFound(err) {
			return "deleted", nil
		} else if err != nil {
			return "", err
		}
		return "is being deleted: it goes once its workers have let go of everything", nil
	})
}
