package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
)

// changeCommand is a command that does something to each list it is given; do says what became of it.
func changeCommand(g *global, verb, short string, do func(ctx context.Context, c *client.Client, name string) (string, error)) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME...", Short: short, Args: arguments(1, many), ValidArgsFunction: g.completeLists,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, names []string) error {
			for _, name := range names {
				became, err := do(ctx, c, name)
				var p *client.Problem
				if errors.As(err, &p) && p.Status == http.StatusForbidden { // by a tier, which says where to ask instead
					return fmt.Errorf("%w %s %s", err, verb, name)
				}
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "worklist/%s %s\n", name, became)
			}
			return nil
		}),
	}
}

// patchSpec is a change of one field of the spec, unless idle says why there is nothing to change.
func patchSpec(field string, value any, done string, idle func(*v1alpha1.Worklist) string) func(context.Context, *client.Client, string) (string, error) {
	return func(ctx context.Context, c *client.Client, name string) (string, error) {
		wl, err := c.Get(ctx, name)
		if err != nil {
			return "", err
		}
		if why := idle(wl); why != "" {
			return why, nil
		}
		_, err = c.Patch(ctx, name, map[string]any{"spec": map[string]any{field: value}})
		return done, err
	}
}

// over says that a list is over, so that there is nothing to do what the verb says; "" if it is not.
func over(wl *v1alpha1.Worklist, verb string) string {
	if !wl.Status.Phase().Over() {
		return ""
	}
	return fmt.Sprintf("is over (%s); nothing to %s", wl.Status.Phase(), verb)
}

func pauseCommand(g *global) *cobra.Command {
	return changeCommand(g, "pause", "Suspend a worklist: hand out no more of its blocks", patchSpec("suspend", true, "paused",
		func(wl *v1alpha1.Worklist) string {
			if why := over(wl, "pause"); why != "" || !wl.Spec.Suspend {
				return why
			}
			return "is paused already"
		}))
}

func resumeCommand(g *global) *cobra.Command {
	return changeCommand(g, "resume", "Hand out blocks of a paused worklist again", patchSpec("suspend", nil, "resumed",
		func(wl *v1alpha1.Worklist) string {
			if wl.Spec.Suspend { // also of a list that is over: it may be retried
				return ""
			}
			if why := over(wl, "resume"); why != "" {
				return why
			}
			return "is not paused; nothing to resume"
		}))
}

func cancelCommand(g *global) *cobra.Command {
	return changeCommand(g, "cancel", "End a worklist for good", patchSpec("cancelled", true, "cancelled",
		func(wl *v1alpha1.Worklist) string { return over(wl, "cancel") }))
}

func retryCommand(g *global) *cobra.Command {
	return changeCommand(g, "retry", "Hand out the failed items of a worklist again",
		func(ctx context.Context, c *client.Client, name string) (string, error) {
			before, err := c.Get(ctx, name)
			if err != nil {
				return "", err
			}
			if before.Spec.Cancelled {
				return over(before, "retry"), nil
			}
			n, err := c.Retry(ctx, name)
			if err != nil || n > 0 {
				return "reopened: " + number(n, "failed item goes", "failed items go") + " out again", err
			}
			after, err := c.Get(ctx, name)
			if err != nil || before.Status.Phase().Over() && !after.Status.Phase().Over() {
				return "reopened", err
			}
			return "has no failed items; nothing to retry", nil
		})
}

func deleteCommand(g *global) *cobra.Command {
	return changeCommand(g, "delete", "Delete a worklist with its results",
		func(ctx context.Context, c *client.Client, name string) (string, error) {
			return "deleted", c.Delete(ctx, name)
		})
}
