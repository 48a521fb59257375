package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// again is the pause between two looks at whether what was killed has ended.
const again = 50 * time.Millisecond

// looks is how often nothing has to be found in a control group: what is being started may come into it a moment later.
const looks = 3

// clear ends all that runs under the node's lease, by force, and returns once nothing does. Podman is not asked.
func (n *Node) clear(ctx context.Context) error {
	return n.insist(ctx, "what runs does not end", looks, func() ([]int, error) {
		err := n.group.Kill()
		left, look := n.group.Processes()
		return left, errors.Join(err, look)
	})
}

// endServices ends the services of podman's on this node's socket, by force: those that an earlier process has left, which may start
// something as long as they run, or one that does not answer.
func (n *Node) endServices(ctx context.Context) error {
	address := "unix://" + n.Options.Podman.Socket()
	return n.insist(ctx, "podman's service does not end", 1, func() (left []int, _ error) {
		lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
		if err != nil {
			return nil, fmt.Errorf("look for services of podman's: %w", err)
		}
		for _, file := range lines {
			line, err := os.ReadFile(file)
			if err != nil || !serves(line, address) {
				continue
			}
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
				left = append(left, pid)
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended just now
			}
		}
		return left, nil
	})
}

// serves tells by the arguments of a process, each with a NUL at its end, whether it is a service of podman's there. A client of one has the
// address among them, too: `podman --url ADDRESS logs`.
func serves(line []byte, address string) bool {
	arguments := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	at := slices.Index(arguments, "system")
	return at >= 0 && at+1 < len(arguments) && arguments[at+1] == "service" && slices.Contains(arguments[at+2:], address)
}

// insist ends processes until so many looks in a row have found none. What cannot be killed, as it hangs in the kernel, has to be waited for,
// and told of: the node seems dead until then.
func (n *Node) insist(ctx context.Context, what string, looks int, end func() (left []int, err error)) error {
	told := time.Now()
	for empty := 0; ; {
		left, err := end()
		if err != nil || len(left) > 0 {
			empty = 0
		} else if empty++; empty == looks {
			return nil
		}
		if empty == 0 && time.Since(told) >= every {
			told = time.Now()
			n.Log.Error(what, "processes", left, "error", err)
		}
		if err := pause(ctx, again); err != nil {
			return err
		}
	}
}
