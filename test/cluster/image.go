package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"teamtask.dev/test/image"
)

// pauseProgram is the first process of a node and of each pod, for which it is in an image.
const pauseProgram, pauseImage = "teamtask.dev/test/cluster/pause", "teamtask.dev/pause:cluster"

func (c *Cluster) buildPause(ctx context.Context) error {
	if err := image.Program(ctx, pauseProgram, c.path("pause")); err != nil {
		return err
	}
	return c.BuildProgramImage(ctx, pauseImage, pauseProgram)
}

// BuildImage builds an image with podman and loads it into all nodes. Its name begins with a host name, such as
// "teamtask.dev/primes:test": Kubernetes would look for one without at docker.io.
func (c *Cluster) BuildImage(ctx context.Context, name, containerfile, contextDir string) error {
	return c.addImage(ctx, name, func(archive string) error { return image.Build(ctx, name, containerfile, contextDir, archive) })
}

// BuildProgramImage packs a Go program of this module, given by its import path, as the only file of an image, and loads it
// into all nodes.
func (c *Cluster) BuildProgramImage(ctx context.Context, name, pkg string) error {
	return c.addImage(ctx, name, func(archive string) error { return image.OfProgram(ctx, name, pkg, archive) })
}

func (c *Cluster) addImage(ctx context.Context, name string, write func(archive string) error) error {
	if host, _, found := strings.Cut(name, "/"); !found || !strings.Contains(host, ".") {
		return fmt.Errorf("image name %q: begin it with a host name, as in teamtask.dev/%s", name, name)
	}
	if err := os.MkdirAll(c.path("images"), 0o700); err != nil {
		return err
	}
	archive := c.path("images", strings.NewReplacer("/", "_", ":", "_").Replace(name)+".tar")
	if err := write(archive); err != nil {
		return err
	}
	return c.LoadImage(ctx, archive)
}

// LoadImage gives all nodes, those of now and those to come, the images of an archive, which must stay where it is.
func (c *Cluster) LoadImage(ctx context.Context, archive string) error {
	c.images = append(c.images, archive)
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.loadImage(ctx, archive))
	}
	return errors.Join(errs...)
}

func (n *Node) loadImage(ctx context.Context, archive string) error {
	f, err := os.Open(archive)
	if err != nil {
		return fmt.Errorf("load an image: %w", err)
	}
	defer f.Close()
	cmd := n.command(ctx, "ctr", "--namespace", "k8s.io", "images", "import", "-")
	cmd.Stdin = f
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("load image %s into %s: %w: %s", archive, n.Name, err, out)
	}
	return nil
}
