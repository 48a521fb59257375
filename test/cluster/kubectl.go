package cluster

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Kubectl runs kubectl as an administrator, and returns what it prints.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.kubectl(ctx, "", args...)
}

// Apply creates or changes the objects of manifests, as an administrator.
func (c *Cluster) Apply(ctx context.Context, manifests string) error {
	_, err := c.kubectl(ctx, manifests, "apply", "--filename", "-")
	return err
}

func (c *Cluster) kubectl(ctx context.Context, input string, args ...string) (string, error) {
	// What kubectl caches by address must not outlive the cluster: the next may have the same.
	cmd := exec.CommandContext(ctx, filepath.Join(c.Programs, "kubectl"),
		append([]string{"--kubeconfig", c.Kubeconfig, "--cache-dir", c.path("kubectl")}, args...)...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// Define installs CustomResourceDefinitions, from a file or a directory, and waits until their resources are served.
func (c *Cluster) Define(ctx context.Context, definitions string) error {
	if _, err := c.Kubectl(ctx, "apply", "--server-side", "--filename", definitions); err != nil {
		return err
	}
	return c.Established(ctx, definitions)
}

// Established waits until the resources of CustomResourceDefinitions are served, and found by clients that look for them.
func (c *Cluster) Established(ctx context.Context, definitions string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		_, err := c.Kubectl(ctx, "wait", "--for=condition=Established", "--timeout="+patience.String(), "--filename", definitions)
		if err == nil {
			break
		}
		// kubectl gives up on a definition that has no conditions at all yet.
		if ctx.Err() != nil || !strings.Contains(err.Error(), "accessor error") {
			return err
		}
	}
	names, err := c.Kubectl(ctx, "get", "--output=name", "--filename", definitions)
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(names) {
		_, resource, _ := strings.Cut(name, "/")
		for { // what the API server serves is listed a moment later
			if _, err := c.Kubectl(ctx, "get", "--all-namespaces", resource); err == nil {
				break
			} else if ctx.Err() != nil {
				return err
			}
		}
	}
	return nil
}
