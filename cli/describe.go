package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
)

func describeCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "describe NAME", Short: "Tell all about a worklist or a swarm", Args: cmdline.OneObject, ValidArgsFunction: g.completeNames,
		Example: `  teamtask describe primes
  teamtask describe swarm streams`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			objects, err := cmdline.Objects(args)
			if err != nil {
				return err
			}
			describe := describeList
			if objects[0].Kind == v1alpha1.SwarmKind {
				describe = describeSwarm
			}
			all, err := describe(ctx, c, objects[0].Name)
			if err != nil {
				return hint(ctx, c, "describe", objects[0], err)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), all)
			return err
		}),
	}
}

func describeList(ctx context.Context, c *client.Client, name string) (string, error) {
	wl, err := c.Get(ctx, name)
	if err != nil {
		return "", err
	}
	return text.Describe(wl, "`teamtask certificate` has all ranges"), nil
}

func describeSwarm(ctx context.Context, c *client.Client, name string) (string, error) {
	sw, err := c.GetSwarm(ctx, name)
	if err != nil {
		return "", err
	}
	parts, err := assignments(ctx, c, []string{name})
	if err != nil {
		return "", err
	}
	return text.DescribeSwarm(sw, parts, fmt.Sprintf("`teamtask get assignments %s -o yaml` has all of it", name)), nil
}

func explainCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "explain NAME", Short: "Answer why a worklist or a swarm is (not) moving", Args: cmdline.OneObject, ValidArgsFunction: g.completeNames,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			objects, err := cmdline.Objects(args)
			if err != nil {
				return err
			}
			explain := explainList
			if objects[0].Kind == v1alpha1.SwarmKind {
				explain = explainSwarm
			}
			sentences, err := explain(ctx, c, objects[0].Name)
			if err != nil {
				return hint(ctx, c, "explain", objects[0], err)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(sentences, "\n"))
			return err
		}),
	}
}

func explainList(ctx context.Context, c *client.Client, name string) ([]string, error) {
	e, err := c.Explain(ctx, name)
	return e.Sentences, err
}

// explainSwarm says of a swarm what its status does: where it stands, and of what waits why.
func explainSwarm(ctx context.Context, c *client.Client, name string) ([]string, error) {
	sw, err := c.GetSwarm(ctx, name)
	if err != nil {
		return nil, err
	}
	reason, message := condition(sw.Status.Conditions, v1alpha1.ConditionConverged)
	sentences := []string{fmt.Sprintf("The swarm is %s: %s.", reason, message)}
	if sw.Spec.Suspend && sw.DeletionTimestamp == nil {
		sentences = append(sentences, fmt.Sprintf("`teamtask resume swarm %s` lets it go on.", name))
	}
	for _, w := range sw.Status.Waits {
		sentences = append(sentences, fmt.Sprintf("Workload %s waits: %s.", w.Name, w.Reason))
	}
	return sentences, nil
}
