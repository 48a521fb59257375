package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// image is that of all instances: guest, and nothing else.
const image = "localhost/bench-guest:1"

// buildImage makes the image, and returns the archive that it is in. podman has a store for this alone, without mounts.
func buildImage(ctx context.Context, dir string) (archive string, err error) {
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", filepath.Join(dir, "guest"), "teamtask.dev/bench/ozymandias/guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the guest: %w: %s", err, out)
	}
	file := filepath.Join(dir, "Containerfile")
	if err := os.WriteFile(file, []byte("FROM scratch\nCOPY guest /guest\nENTRYPOINT [\"/guest\"]\n"), 0o600); err != nil {
		return "", err
	}
	store := filepath.Join(dir, "build")
	archive = filepath.Join(dir, "guest.tar")
	for _, args := range [][]string{{"build", "--isolation", "chroot", "--tag", image, "--file", file, dir}, {"save", "--output", archive, image}} {
		own := []string{"--root", store + "/root", "--runroot", store + "/run", "--tmpdir", store + "/tmp", "--storage-driver", "vfs", "--runtime", "runc"}
		if out, err := exec.CommandContext(ctx, "podman", append(own, args...)...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("podman %s: %w: %s", args[0], err, out)
		}
	}
	return archive, os.RemoveAll(store)
}
