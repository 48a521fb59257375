package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// again is the pause between two looks at whether what was killed has ended.
const again = 50 * time.Millisecond

// clear ends all that runs under the node's lease, by force, and returns once nothing does. Podman is not asked.
func (n *Node) clear(ctx context.Context) error {
	told := time.Now()
	for empty := 0; empty < 3; { // what is being started may come into the group a moment later
		err := n.group.Kill()
		left, look := n.group.Processes()
		if err = errors.Join(err, look); err != nil || len(left) > 0 {
			empty = 0
		} else {
			empty++
		}
		if time.Since(told) >= every && empty == 0 {
			told = time.Now()
			n.Log.Error("what runs does not end", "processes", left, "error", err)
		}
		if err := pause(ctx, again); err != nil {
			return err
		}
	}
	return nil
}

// endServices ends the services of podman's on this node's socket, by force: those that an earlier process has left, which may start
// something as long as they run, or one that does not answer.
func (n *Node) endServices(ctx context.Context) error {
	address := []byte("unix://" + n.Options.Podman.Socket())
	for {
		left := 0
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			return fmt.Errorf("look for services of podman's: %w", err)
		}
		for _, file := range lines {
			line, err := os.ReadFile(file)
			if err != nil || !bytes.Contains(append(line, 0), append(address, 0)) {
				continue
			}
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
				left++
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended just now
			}
		}
		if left == 0 {
			return nil
		}
		if err := pause(ctx, again); err != nil {
			return err
		}
	}
}
