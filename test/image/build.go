package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Build builds an image and writes it to an archive, over what was there.
func Build(ctx context.Context, name, containerfile, dir, archive string) error {
	// A store for this build alone, so that it leaves nothing and meets no other. Podman wants a short path, which a test's may
	// not be; "vfs" mounts nothing.
	store, err := os.MkdirTemp("/tmp", "podman")
	if err != nil {
		return err
	}
	defer os.RemoveAll(store)
	if err := os.Remove(archive); err != nil && !errors.Is(err, os.ErrNotExist) { // podman does not write over it
		return err
	}
	for _, args := range [][]string{
		{"build", "--isolation", "chroot", "--tag", name, "--file", containerfile, dir},
		{"save", "--output", archive, name},
	} {
		store := []string{"--root", store + "/root", "--runroot", store + "/run", "--tmpdir", store + "/tmp", "--storage-driver", "vfs", "--runtime", "runc"}
		if out, err := exec.CommandContext(ctx, "podman", append(store, args...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("podman %s of %s: %w: %s", args[0], name, err, out)
		}
	}
	return nil
}

// OfProgram packs a program of this module, given by its import path, as the only file of an image, and writes that to an archive.
func OfProgram(ctx context.Context, name, pkg, archive string) error {
	dir, err := os.MkdirTemp("", "program")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := Program(ctx, pkg, filepath.Join(dir, "program")); err != nil {
		return err
	}
	containerfile := filepath.Join(dir, "Containerfile")
	if err := os.WriteFile(containerfile, []byte("FROM scratch\nCOPY program /program\nENTRYPOINT [\"/program\"]\n"), 0o600); err != nil {
		return err
	}
	return Build(ctx, name, containerfile, dir, archive)
}
