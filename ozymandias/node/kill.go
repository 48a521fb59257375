package node

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"time"

	"teamtask.dev/ozymandias/podman"
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
		for pid, command := range podman.Commands() {
			if serves(command, address) {
				left = append(left, pid)
				_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended just now
			}
		}
		return left, nil
	})
}

// serves tells by the command line of a process whether it is a service of podman's there. A client of one has the address there, too:
// `podman --url ADDRESS logs`.
func serves(command []string, address string) bool {
	at := slices.Index(command, "system")
	return at >= 0 && at+1 < len(command) && command[at+1] == "service" && slices.Contains(command[at+2:], address)
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
