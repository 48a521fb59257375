package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/change"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/version"
)

// Main runs the command and returns its exit code: 0, 1 for an error, 130 if it was interrupted.
func Main(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := Root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return 130
	}
	fmt.Fprintln(root.ErrOrStderr(), "Error:", err)
	return 1
}

// Root is the command `kubectl teamtask`.
func Root() *cobra.Command {
	root := &cobra.Command{
		Use: "kubectl-teamtask", Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl teamtask"},
		Short: "Look at Worklists and Swarms in Kubernetes, and change them",
		Long: `Says of Worklists and Swarms in Kubernetes what kubectl cannot say, and does to them in a word
what would take it a patch. A name alone is a Worklist's; a Swarm's has its kind before it.

  kubectl teamtask explain primes            why is it not moving?
  kubectl teamtask describe primes           which ranges are done, which failed, and why
  kubectl teamtask pause primes sieve        and resume, cancel, retry
  kubectl teamtask explain swarm/streams     and describe, pause, resume
  kubectl teamtask pause swarms --all        or worklists, or those with some labels: --selector

The rest is kubectl's:
  kubectl apply -f primes.yaml
  kubectl get worklists,blocks,swarms,assignments
  kubectl wait --for=condition=Complete worklist/primes
  kubectl scale worklist/primes --replicas=10
  kubectl delete worklist primes

It connects as kubectl does, with the same flags: also --as, --cluster, --token, --user and the
others that "kubectl options" names.`,
		Version: version.Version, SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true}, // the shell completes kubectl, which asks this program
	}
	root.SetVersionTemplate("kubectl teamtask {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w\nSee '%s --help'", err, cmd.CommandPath())
	})
	a := newAccess(root.PersistentFlags())
	a.completeFlags(root)
	root.AddGroup(&cobra.Group{ID: "look", Title: "Looking at them:"}, &cobra.Group{ID: "change", Title: "Changing them:"})
	add := func(group string, cmds ...*cobra.Command) {
		for _, c := range cmds {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("look", explainCommand(a), describeCommand(a), locateCommand(a))
	add("change", changeCommand(a, change.Pause), changeCommand(a, change.Resume), changeCommand(a, change.Cancel), retryCommand(a))
	cmdline.RefuseUnknown(root)
	return root
}
