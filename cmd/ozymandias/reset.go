package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"teamtask.dev/await"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/cli"
	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/ozymandias/network"
	"teamtask.dev/ozymandias/node"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/volumes"
)

func resetCommand() *cobra.Command {
	o := &options{}
	var yes bool
	cmd := &cobra.Command{
		Use:   "reset",
		Short: "Remove all that a node leaves on this machine, with its volumes",
		Long: `Remove all that a node leaves on this machine: its containers, images, networks, volumes with what
is in them, and what it knows of its cluster. The node must have ended. In the cluster it is
forgotten by "ozymandias delete node NAME", from another node.`,
		Args: cmdline.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := filepath.Abs(o.dataDir)
			if err != nil {
				return fmt.Errorf("--data-dir: %w", err)
			}
			run, err := filepath.Abs(o.runDir)
			if err != nil {
				return fmt.Errorf("--run-dir: %w", err)
			}
			if err := isNodes(data); err != nil {
				return fmt.Errorf("--data-dir: %w", err)
			}
			name, err := nameOf(o.name, data)
			if err != nil {
				return err
			}
			if !yes {
				fmt.Fprintf(cmd.ErrOrStderr(), "This removes node %s from this machine, with all that is in %s, its volumes among it, and in %s. Go on? [y/N] ", name, data, run)
				answer, _ := await.Do(cmd.Context(), func() (string, error) { return bufio.NewReader(cmd.InOrStdin()).ReadString('\n') })
				if err := cmd.Context().Err(); err != nil {
					return err
				}
				if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
					return errors.New("nothing was removed")
				}
			}
			return reset(cmd.Context(), name, data, run)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "", "the node's name (default the one it is known by in its cluster, or else the machine's host name)")
	f.StringVar(&o.dataDir, "data-dir", defaultDataDir, "the directory that the node was given")
	f.StringVar(&o.runDir, "run-dir", cli.DefaultRunDir, "the directory that the node was given")
	f.BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// patience is how long it may take until something more of what a node left is gone. All of it takes as long as it takes: there may be hundreds of
// pods, on a busy machine.
const patience = 2 * time.Minute

// attended returns a context that ends once step has not been called for that long.
func attended(ctx context.Context, patience time.Duration) (_ context.Context, step, done func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stuck := time.AfterFunc(patience, func() {
		cancel(fmt.Errorf("nothing more has gone within %s: what is left is gone on with when this is called again", patience))
	})
	return ctx, func() { stuck.Reset(patience) }, func() { stuck.Stop(); cancel(nil) }
}

func reset(ctx context.Context, name, data, run string) error {
	ctx, step, done := attended(ctx, patience)
	defer done()
	unlock, err := node.Lock(run)
	if err != nil {
		return err
	}
	defer unlock()
	var faults []error
	group, err := cgroup.Find(groupOf(name, data))
	if err == nil {
		faults = append(faults, endAll(ctx, step, group))
	}
	faults = append(faults, err, removePods(ctx, step, data, run))
	disks, err := volumes.Open(ctx, volumes.Options{Dir: filepath.Join(data, "volumes")})
	if err == nil {
		err = disks.Close(ctx)
	}
	step()
	faults = append(faults, err, network.Remove(ctx, filepath.Join(data, "network")), unmountBelow(data), unmountBelow(run), context.Cause(ctx))
	if err := errors.Join(faults...); err != nil {
		return err // what is still in use is not to be deleted
	}
	return errors.Join(removeAll(data), removeAll(run), group.Remove())
}

// isNodes refuses a directory that is there and is no node's, nor that of one that was half made, or half removed.
func isNodes(data string) error {
	for _, of := range append(cluster.Traces(data), filepath.Join(data, "podman")) {
		if _, err := os.Lstat(of); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	entries, err := os.ReadDir(data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if within, err := os.ReadDir(filepath.Join(data, e.Name())); err == nil && len(within) == 0 {
			continue // where a disk of the node's is mounted, after a reset
		}
		if e.Name() != "lock" && e.Name() != "lost+found" { // all that is there at first, on a disk of its own
			return fmt.Errorf("%s is no node's, but has %s in it: nothing was removed", data, e.Name())
		}
	}
	return err
}

// nameOf is the name of the node that has a data directory. One that was half made has none there.
func nameOf(given, data string) (string, error) {
	if given != "" {
		return given, nil
	}
	name, err := cluster.NodeName(data)
	switch {
	case err != nil:
		return "", fmt.Errorf("%w; say it by --name", err)
	case name == "":
		return nodeName("")
	}
	return name, nil
}

// removeAll removes a node's directory with all that is in it. It, or what is directly in it, may be a disk of its own, or a link to one: that is
// emptied, and stays mounted. What shows that the directory is a node's goes last, so that this can be called again when it was interrupted.
func removeAll(dir string) error {
	within, last := filepath.Split(cluster.Traces(dir)[0])
	if err := errors.Join(removeIn(dir, filepath.Base(within)), removeIn(within, last)); err != nil {
		return err
	}
	return errors.Join(removeIn(dir, ""), removeEmpty(dir))
}

// removeIn removes all that is in a directory but what has that name.
func removeIn(dir, but string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	faults := []error{err}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if e.Name() == but {
			continue
		}
		if status, err := os.Stat(path); err != nil || !status.IsDir() {
			faults = append(faults, os.Remove(path))
			continue
		}
		within, err := os.ReadDir(path)
		faults = append(faults, err)
		for _, w := range within {
			faults = append(faults, os.RemoveAll(filepath.Join(path, w.Name())))
		}
		faults = append(faults, removeEmpty(path))
	}
	return errors.Join(faults...)
}

// removeEmpty removes an empty directory, or a link to one, unless a disk is mounted there.
func removeEmpty(dir string) error {
	err := os.Remove(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.EBUSY) {
		return nil
	}
	return err
}

// endAll ends all that runs in a group.
func endAll(ctx context.Context, step func(), group cgroup.Group) error {
	for fewest := -1; ; {
		if err := group.Kill(); err != nil {
			return err
		}
		left, err := group.Processes()
		if err != nil || len(left) == 0 {
			return err
		}
		if fewest < 0 || len(left) < fewest {
			fewest = len(left)
			step()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("end what the node runs: %d processes are left", len(left))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// removePods has podman remove the pods, and with them their addresses and ports.
func removePods(ctx context.Context, step func(), data, run string) (err error) {
	o := podman.Options{Dir: filepath.Join(data, "podman"), Run: filepath.Join(run, "podman")}
	if _, err := os.Stat(o.Dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	service, err := podman.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		service.Close()
		if err == nil {
			step()
			err = podman.Quiet(ctx, o)
		}
	}()
	step()
	client := service.Client()
	defer client.Close()
	pods, err := client.Pods(ctx, nil)
	if err != nil {
		return err
	}
	for _, pod := range pods {
		step()
		err = errors.Join(err, client.RemovePod(ctx, pod.Name))
	}
	step()
	return errors.Join(err, client.RemoveNetwork(ctx, network.Name))
}

// unmountBelow unmounts all that a node has mounted below its directory, such as podman's storage on itself. What is mounted at the directory,
// or directly in it, are the machine's own disks: without them, what is on them would be out of sight, and stay.
func unmountBelow(dir string) error {
	dir, err := filepath.EvalSymlinks(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(mounts)), "\n")
	for i := len(lines) - 1; i >= 0; i-- { // the last first: it may be on an earlier one
		point := strings.Fields(lines[i])[4]
		if !strings.HasPrefix(filepath.Dir(point), dir+"/") {
			continue
		}
		if err := unix.Unmount(point, 0); err != nil {
			return fmt.Errorf("unmount %s: %w", point, err)
		}
	}
	return nil
}
