package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// pauseProgram is the first process of a node and of each pod, for which it is in an image.
const pauseProgram, pauseImage = "teamtask.dev/test/cluster/pause", "teamtask.dev/pause:cluster"

func (c *Cluster) buildPause(ctx context.Context) error {
	if err := buildProgram(ctx, c.path("pause"), pauseProgram); err != nil {
		return err
	}
	return c.BuildProgramImage(ctx, pauseImage, pauseProgram)
}

// BuildImage builds an image with podman and loads it into all nodes. Its name begins with a host name, such as
// "teamtask.dev/primes:test": Kubernetes would look for one without at docker.io.
func (c *Cluster) BuildImage(ctx context.Context, name, containerfile, contextDir string) error {
	if host, _, found := strings.Cut(name, "/"); !found || !strings.Contains(host, ".") {
		return fmt.Errorf("image name %q: begin it with a host name, as in teamtask.dev/%s", name, name)
	}
	if err := os.MkdirAll(c.path("images"), 0o700); err != nil {
		return err
	}
	// A store for this build alone, so that it leaves nothing and meets no other. Podman wants a short path, which a test's may
	// not be; "vfs" mounts nothing.
	store, err := os.MkdirTemp("/tmp", "podman")
	if err != nil {
		return err
	}
	defer os.RemoveAll(store)
	archive := c.path("images", strings.NewReplacer("/", "_", ":", "_").Replace(name)+".tar")
	if err := os.Remove(archive); err != nil && !errors.Is(err, os.ErrNotExist) { // of before: podman does not write over it
		return err
	}
	for _, args := range [][]string{
		{"build", "--isolation", "chroot", "--tag", name, "--file", containerfile, contextDir},
		{"save", "--output", archive, name},
	} {
		store := []string{"--root", store + "/root", "--runroot", store + "/run", "--tmpdir", store + "/tmp", "--storage-driver", "vfs", "--runtime", "runc"}
		if out, err := exec.CommandContext(ctx, "podman", append(store, args...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("podman %s of %s: %w: %s", args[0], name, err, out)
		}
	}
	return c.LoadImage(ctx, archive)
}

// BuildProgramImage packs a Go program of this module, given by its import path, as the only file of an image, and loads it
// into all nodes.
func (c *Cluster) BuildProgramImage(ctx context.Context, name, pkg string) error {
	dir, err := os.MkdirTemp(c.Dir, "program")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := buildProgram(ctx, filepath.Join(dir, "program"), pkg); err != nil {
		return err
	}
	containerfile := filepath.Join(dir, "Containerfile")
	if err := os.WriteFile(containerfile, []byte("FROM scratch\nCOPY program /program\nENTRYPOINT [\"/program\"]\n"), 0o600); err != nil {
		return err
	}
	return c.BuildImage(ctx, name, containerfile, dir)
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
