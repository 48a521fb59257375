package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/client"
)

func applyCommand(g *global) *cobra.Command {
	var file string
	output := "name"
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Create worklists from a manifest, or change them to what it says",
		Long:  "Create worklists from a manifest, or change them to what it says. The manifest is that of Kubernetes: YAML or JSON,\nseveral documents separated by ---.",
		Example: `  teamtask apply -f primes.yaml
  cat primes.yaml | teamtask apply -f -`,
		Args: cmdline.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return errors.New("name the manifest: -f FILE, or -f - for standard input")
			}
			lists, err := readManifests(file, cmd.InOrStdin())
			if err != nil {
				return err
			}
			for _, wl := range lists {
				for _, note := range idle(wl) {
					fmt.Fprintln(cmd.ErrOrStderr(), "note:", note)
				}
				err := g.send(cmd, wl, dryRun, output, func(ctx context.Context, c *client.Client) (*v1alpha1.Worklist, string, error) {
					before, err := c.Get(ctx, wl.Name)
					if err != nil && !client.IsNotFound(err) {
						return nil, "", err
					}
					created := err != nil
					out, err := c.Apply(ctx, wl)
					switch {
					case err != nil || created:
						return out, "created", err
					case out.ResourceVersion == before.ResourceVersion:
						return out, "unchanged", nil
					}
					return out, "configured", nil
				})
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

// idle says which of a manifest's fields do nothing with a List server, and what does it instead.
func idle(wl *v1alpha1.Worklist) (notes []string) {
	if wl.Spec.Workers != nil {
		notes = append(notes, fmt.Sprintf("spec.workers is for Kubernetes: start workers with `teamtask work %s`", wl.Name))
	}
	if wl.Spec.RetryFailed > 0 {
		notes = append(notes, fmt.Sprintf("spec.retryFailed is for Kubernetes: have failed items tried again with `teamtask retry %s`", wl.Name))
	}
	return notes
}

// readManifests reads and checks the worklists in a file; all of them, before anything is done with the first.
func readManifests(file string, stdin io.Reader) (out []*v1alpha1.Worklist, err error) {
	in := stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	docs := utilyaml.NewYAMLReader(bufio.NewReader(in))
	for n := 1; ; n++ {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) && len(out) == 0 {
			return nil, fmt.Errorf("%s: there is no worklist in it", file)
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if len(bytes.TrimSpace(doc)) == 0 {
			continue
		}
		wl := &v1alpha1.Worklist{}
		if err := decodeManifest(doc, wl); err != nil {
			return nil, fmt.Errorf("%s, document %d: %w", file, n, err)
		}
		if err := wl.Complete(); err != nil {
			return nil, fmt.Errorf("%s, document %d: %w", file, n, err)
		}
		out = append(out, wl)
	}
}

// decodeManifest reads YAML or JSON, and refuses fields that are unknown or stand twice, by their path.
func decodeManifest(doc []byte, wl *v1alpha1.Worklist) error {
	raw, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return err
	}
	if err := v1alpha1.CheckQuantities(raw, wl); err != nil {
		return err
	}
	problems, err := kjson.UnmarshalStrict(raw, wl)
	if err != nil {
		return v1alpha1.WrongValue(raw, wl, err)
	}
	return errors.Join(problems...)
}
