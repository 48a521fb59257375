package node

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/node/converge"
	"teamtask.dev/ozymandias/plain"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
)

// patience is how long podman may take for something that is not done by anybody but itself.
const patience = time.Minute

// do does what is to be done for an instance, and tells what came of it. ctx ends when the action is cut; what podman has been asked
// for then is still waited for, until lived ends: or else it might do so later, when nobody expects it.
func (l *loop) do(ctx, lived context.Context, a converge.Action, behind []chan struct{}, pods []string) answer {
	pod := podName(a.Name, a.Instance.ID, a.Epoch)
	r := answer{Result: converge.Result{Instance: a.Instance}}
	var err error
	switch a.Verb {
	case converge.Make:
		for _, tidied := range behind {
			l.note(ctx, a.Instance, "waits for volumes that are being removed")
			select {
			case <-tidied:
			case <-ctx.Done():
			}
		}
		err = l.make(ctx, lived, a, pod)
	case converge.Start:
		if err = l.reach(ctx, a); err != nil {
			break
		}
		if err = l.starting.take(ctx); err == nil {
			if a.Again {
				l.rotate(lived, a.Instance, containerName(pod, a.Container))
			}
			err = l.ask(ctx, lived, func(asked context.Context) error { return l.client.Start(asked, containerName(pod, a.Container)) })
			l.starting.giveBack()
		}
	case converge.End:
		err = l.client.Stop(ctx, containerName(pod, a.Container), grace(a.Spec, a.Container))
	case converge.Remove:
		err = l.remove(ctx, lived, a, pods)
	}
	if err != nil {
		r.Fault = words(err)
	}
	if a.Verb == converge.Remove {
		return r
	}
	// Also after a failure: it may have been done all the same.
	asked, done := context.WithTimeout(lived, patience)
	defer done()
	state, look := l.client.Pod(asked, pod)
	switch {
	case errors.Is(look, podman.ErrNotFound):
	case look == nil:
		r.pod = state.ID
		var facts converge.Pod
		if facts, look = l.inspect(asked, state); look == nil {
			r.Pod = &facts
		}
	}
	if look != nil && !errors.Is(look, podman.ErrNotFound) && err == nil {
		r.Fault = "cannot look at it: " + words(look)
	}
	return r
}

// listen is how podman says that a port is not free.
var listen = regexp.MustCompile(`cannot listen on the (TCP|UDP) port: listen \w+ \S*:(\d+): bind: address already in use`)

// words says for people what went wrong. Podman names by a long number whatever it was about to start for the container.
func words(err error) string {
	if port := listen.FindStringSubmatch(err.Error()); port != nil {
		return fmt.Sprintf("%s port %s of the node is in use by another program (address already in use)", port[1], port[2])
	}
	return plain.Line(err.Error(), longestFault)
}

// ask has podman do something, unless the action was cut before.
func (l *loop) ask(ctx, lived context.Context, do func(context.Context) error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	asked, done := context.WithTimeout(lived, patience)
	defer done()
	return do(asked)
}

// note tells people what an action waits for.
func (l *loop) note(ctx context.Context, i schedule.Instance, text string) {
	select {
	case l.notes <- note{i, plain.Line(text, longestFault)}:
	case <-ctx.Done():
	}
}

// unknownGrace is for containers of which it is not known what the job says.
const unknownGrace = 10 * time.Second

// grace is how long a container has between the signal to stop and the end.
func grace(spec *job.Job, container string) time.Duration {
	if spec == nil {
		return unknownGrace
	}
	return time.Duration(spec.Containers[container].StopGracePeriod)
}
