package plugin

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/cli/text"
	"teamtask.dev/plugin/explain"
)

func describeCommand(a *access) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "describe NAME", Short: "Tell all about a worklist or a swarm", Args: cmdline.OneObject, ValidArgsFunction: a.completeNames(1),
		Long: `Tells all about a worklist: how many items are where, which ranges are done, which failed and why,
and what was found. Of a swarm, named as in swarm/NAME: who has what, which version is wanted and
which one runs, what is on its way, and what waits. With -o it is the object itself.`,
		Example: `  kubectl teamtask describe primes
  kubectl teamtask describe swarm/streams`,
		RunE: a.with(func(ctx context.Context, s *session, cmd *cobra.Command, args []string) error {
			o, err := object(args)
			if err != nil {
				return err
			}
			if o.Kind == v1alpha1.SwarmKind {
				return s.describeSwarm(ctx, cmd, o, output)
			}
			wl, err := s.worklist(ctx, o.Name)
			if err != nil {
				return err
			}
			if output != "" {
				wl.ManagedFields = nil
				return text.Object(cmd.OutOrStdout(), output, wl)
			}
			more := fmt.Sprintf("`kubectl get worklist %s --output=yaml` has all ranges", wl.Name)
			_, err = fmt.Fprint(cmd.OutOrStdout(), text.Describe(wl, more))
			return err
		}),
	}
	cmdline.OutputFlag(cmd, cmd.Flags(), &output, "json", "yaml")
	return cmd
}

func (s *session) describeSwarm(ctx context.Context, cmd *cobra.Command, o cmdline.Object, output string) error {
	sw, err := s.swarm(ctx, o.Name)
	if err != nil {
		return err
	}
	if output != "" {
		sw.ManagedFields = nil
		return text.Object(cmd.OutOrStdout(), output, sw)
	}
	parts, err := s.assignments(ctx, sw.Name)
	if err != nil {
		return s.readable("list the assignments of", o, err)
	}
	more := fmt.Sprintf("`kubectl get assignments --field-selector spec.swarm=%s --output=yaml` has all of it", sw.Name)
	_, err = fmt.Fprint(cmd.OutOrStdout(), text.DescribeSwarm(sw, parts, more))
	return err
}

func explainCommand(a *access) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use: "explain NAME", Short: "Answer why a worklist or a swarm is (not) moving", Args: cmdline.OneObject, ValidArgsFunction: a.completeNames(1),
		Long: `Answers why a worklist is, or is not, moving. The first line is the answer: it is suspended, or
waits for another list; its spec cannot be worked on; no worker asks for its items, and why, as far
as pods, Jobs, quotas and events tell; it waits for workers that have fallen silent; or there is no
controller that acts. The others are details: who holds which items since when, what rests, which
limits are reached, what failed, and the warnings of the last minutes.

Of a swarm, named as in swarm/NAME, it says who is waited for: workers that have yet to let go of
what they had, or are not there; and which workloads have no owner, and why.

It looks at whatever you may read, and names what you may not.`,
		Example: `  kubectl teamtask explain primes
  kubectl teamtask explain primes -o json | jq -r '.sentences[0]'
  kubectl teamtask explain swarm/streams`,
		RunE: a.with(func(ctx context.Context, s *session, cmd *cobra.Command, args []string) error {
			o, err := object(args)
			if err != nil {
				return err
			}
			e, err := s.explain(ctx, o)
			if err != nil {
				return err
			}
			if output != "" {
				return text.Object(cmd.OutOrStdout(), output, e)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(e.Sentences, "\n"))
			return err
		}),
	}
	cmdline.OutputFlag(cmd, cmd.Flags(), &output, "json", "yaml")
	return cmd
}

// explain says why a list or a swarm is, or is not, moving.
func (s *session) explain(ctx context.Context, o cmdline.Object) (e v1alpha1.Explanation, err error) {
	if o.Kind == v1alpha1.SwarmKind {
		facts, err := s.gatherSwarm(ctx, o.Name)
		if err != nil {
			return e, err
		}
		return v1alpha1.Explanation{Phase: v1alpha1.Phase(facts.Swarm.Status.Phase()), Sentences: explain.SwarmSentences(*facts)}, nil
	}
	facts, err := s.gather(ctx, o.Name)
	if err != nil {
		return e, err
	}
	return v1alpha1.Explanation{Phase: facts.List.Status.Phase(), Sentences: explain.Sentences(*facts)}, nil
}
