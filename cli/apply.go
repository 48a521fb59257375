package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/equality"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/await"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/client"
)

func applyCommand(g *global) *cobra.Command {
	var file string
	output := "name"
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Create worklists and swarms from a manifest, or change them to what it says",
		Long:  "Create worklists and swarms from a manifest, or change them to what it says. The manifest is that of Kubernetes: YAML or JSON,\nseveral documents separated by ---.",
		Example: `  teamtask apply -f primes.yaml
  cat primes.yaml streams.yaml | teamtask apply -f -`,
		Args: cmdline.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return errors.New("name the manifest: -f FILE, or -f - for standard input")
			}
			manifests, err := await.Do(cmd.Context(), func() ([]manifest, error) { return readManifests(file, cmd.InOrStdin()) })
			if err != nil {
				return err
			}
			for _, m := range manifests {
				for _, note := range idle(m) {
					fmt.Fprintln(cmd.ErrOrStderr(), "note:", note)
				}
				if sw, ok := m.(*v1alpha1.Swarm); ok {
					err = send(g, cmd, sw, dryRun, output, applySwarm(sw))
				} else {
					wl := m.(*v1alpha1.Worklist)
					err = send(g, cmd, wl, dryRun, output, applyWorklist(wl))
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "filename", "f", "", "the manifest; - for standard input")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only check and print")
	cmdline.OutputFlag(cmd, cmd.Flags(), &output, "name", "json", "yaml")
	return cmd
}

func applyWorklist(wl *v1alpha1.Worklist) func(context.Context, *client.Client) (*v1alpha1.Worklist, string, error) {
	return func(ctx context.Context, c *client.Client) (*v1alpha1.Worklist, string, error) {
		before, err := c.Get(ctx, wl.Name)
		if err != nil && !client.IsNotFound(err) {
			return nil, "", err
		}
		created := err != nil
		out, err := c.Apply(ctx, wl)
		switch {
		case err == nil && !created && before.Spec.Suspend && !out.Spec.Suspend:
			return out, "configured, and resumed: it was paused, which the manifest does not say (spec.suspend: true)", nil
		case err != nil || created:
			return out, "created", err
		case out.ResourceVersion == before.ResourceVersion:
			return out, "unchanged", nil
		}
		return out, "configured", nil
	}
}

func applySwarm(sw *v1alpha1.Swarm) func(context.Context, *client.Client) (*v1alpha1.Swarm, string, error) {
	return func(ctx context.Context, c *client.Client) (*v1alpha1.Swarm, string, error) {
		before, err := c.GetSwarm(ctx, sw.Name)
		if err != nil && !client.IsNotFound(err) {
			return nil, "", err
		}
		created := err != nil
		out, err := c.ApplySwarm(ctx, sw)
		switch {
		case err == nil && !created && before.Spec.Suspend && !out.Spec.Suspend:
			return out, "configured, and resumed: it was paused, which the manifest does not say (spec.suspend: true)", nil
		case err != nil || created:
			return out, "created", err
		case equality.Semantic.DeepEqual(out.Spec, before.Spec):
			return out, "unchanged", nil
		}
		return out, "configured", nil
	}
}

// idle says which of a manifest's fields do nothing with a List server, and what does it instead.
func idle(m manifest) (notes []string) {
	if sw, ok := m.(*v1alpha1.Swarm); ok {
		return idleOfSwarm(sw)
	}
	wl := m.(*v1alpha1.Worklist)
	if wl.Spec.Workers != nil {
		notes = append(notes, fmt.Sprintf("spec.workers is for Kubernetes: start workers with `teamtask work %s`", wl.Name))
	}
	if wl.Spec.RetryFailed > 0 {
		notes = append(notes, fmt.Sprintf("spec.retryFailed is for Kubernetes: have failed items tried again with `teamtask retry %s`", wl.Name))
	}
	return notes
}

func idleOfSwarm(sw *v1alpha1.Swarm) (notes []string) {
	s := &sw.Spec
	note := func(is bool, field, instead string) {
		if is {
			notes = append(notes, fmt.Sprintf("spec.%s is for Kubernetes: %s", field, instead))
		}
	}
	join := fmt.Sprintf("`teamtask join %s`", sw.Name)
	note(s.Pool != nil, "pool", "workers join by themselves, with "+join)
	note(s.Replicas != nil, "replicas", "start as many workers as there are to be, with "+join)
	note(s.Workloads.ConfigMaps != nil, "workloads.configMaps", "name the workloads in spec.workloads.names or list")
	note(s.ConfigMap != "", "configMap", fmt.Sprintf("`teamtask swarm agent %s` writes a worker's part into a file", sw.Name))
	note(s.Refresh != "" && s.Refresh != v1alpha1.RefreshWatch, "refresh", fmt.Sprintf("workers follow their part; `teamtask swarm agent %s` signals or restarts a program that does not", sw.Name))
	note(s.VersionFrom != nil, "versionFrom", "workers acknowledge what they run by themselves")
	return notes
}
