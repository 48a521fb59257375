package cluster

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// makeCgroup makes a cgroup of a node's own, which kubelet wants to exist: two kubelets with the same would remove each
// other's pods' cgroups.
func makeCgroup(name string) error {
	for _, root := range cgroupRoots() {
		controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
		if err == nil { // version 2: a cgroup has the controllers that its parent gives it
			for controller := range strings.FieldsSeq(string(controllers)) {
				// Some cannot be given; kubelet says which it misses.
				os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+controller), 0)
			}
		}
		if err := os.Mkdir(filepath.Join(root, name), 0o755); err != nil {
			return fmt.Errorf("make a cgroup for the node: %w", err)
		}
	}
	return nil
}

// removeCgroup removes a cgroup and all below it, once their processes are gone.
func removeCgroup(name string) error {
	late := time.After(patience)
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		var errs []error
		for _, root := range cgroupRoots() {
			var dirs []string
			filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry, err error) error {
				if err == nil && entry.IsDir() {
					dirs = append(dirs, path)
				}
				return nil
			})
			for _, dir := range slices.Backward(dirs) { // those inside first
				errs = append(errs, os.Remove(dir))
			}
		}
		err := errors.Join(errs...)
		if err == nil {
			return nil
		}
		select {
		case <-late:
			return fmt.Errorf("remove cgroup %s of a node: %w", name, err)
		case <-again.C: // the kernel takes its time to let go of processes that have ended
		}
	}
}

// cgroupRoots are the hierarchies: one of version 2, or one for each controller of version 1.
func cgroupRoots() []string {
	const root = "/sys/fs/cgroup"
	if _, err := os.Stat(root + "/cgroup.controllers"); err == nil {
		return []string{root}
	}
	roots, _ := filepath.Glob(root + "/*/cgroup.procs")
	for i := range roots {
		roots[i] = filepath.Dir(roots[i])
	}
	return roots
}
