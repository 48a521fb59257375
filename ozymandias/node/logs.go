package node

import (
	"context"
	"errors"
	"io/fs"

	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
)

// keptLogs is how many bytes of logs are kept at most of what is not there any more. It is little beside what a disk has: nobody has taken it
// into account.
const keptLogs = 512 << 20

// keepLogs keeps the logs of a pod that is about to be removed.
func (n *Node) keepLogs(lived context.Context, i schedule.Instance, pod podman.PodState) {
	for _, c := range pod.Containers {
		n.handOver(lived, c.ID, func(state podman.ContainerState) error {
			return n.logs.Keep(i, state.Labels[labelContainer], state.Log)
		})
	}
}

// rotate keeps the log of a container that has ended and is about to be started again.
func (l *loop) rotate(lived context.Context, i schedule.Instance, container string) {
	l.handOver(lived, container, func(state podman.ContainerState) error {
		if state.Running() {
			return nil
		}
		return l.logs.Rotate(i, state.Labels[labelContainer], state.Log)
	})
}

// handOver does something with a container's log. What comes next does not depend on it.
func (n *Node) handOver(lived context.Context, container string, do func(podman.ContainerState) error) {
	asked, done := context.WithTimeout(lived, patience/2)
	defer done()
	state, err := n.client.Container(asked, container)
	if err == nil {
		err = do(state)
	}
	if err != nil && lived.Err() == nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, podman.ErrNotFound) { // it was never started
		n.Log.Warn("a log is lost", "error", err)
	}
}

// tidyLogs drops logs that nobody will ask for. When the disk is full all of them go, before the node runs nothing any more for that.
func (l *loop) tidyLogs() {
	bytes := int64(keptLogs)
	if free, err := l.free(); err == nil && free < scarce {
		bytes = 0
	}
	now, _, _ := l.Mirror.State()
	if err := l.logs.Tidy(func(job string) bool { return now.Partial || now.Job(job) != nil }, bytes); err != nil {
		l.Log.Warn("logs that nobody will ask for are left", "error", err)
	}
}
