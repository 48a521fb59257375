package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/node/converge"
	"teamtask.dev/ozymandias/podman"
)

// remove ends and removes all pods of an instance. known are those of which it was heard before, by podman's id.
func (l *loop) remove(ctx, lived context.Context, a converge.Action, known []string) error {
	var pods []podman.PodState
	err := l.ask(ctx, lived, func(asked context.Context) (err error) {
		pods, err = l.client.Pods(asked, map[string]string{labelNode: l.Name, labelJob: a.Instance.Job, labelID: a.Instance.ID})
		return err
	})
	switch {
	case err != nil && l.deaf.Load() && len(known) > 0:
		if err := l.force(lived, known); err != nil {
			return err
		}
	case err != nil:
		return err
	}
	for _, pod := range pods {
		var refused *podman.Error
		if err := l.stop(ctx, a, pod); err != nil && (ctx.Err() != nil || !errors.As(err, &refused)) {
			return err // what podman refuses to end is killed with the pod; if it cannot be asked it is asked again
		}
		l.keepLogs(lived, a.Instance, pod)
		err := l.removePod(lived, pod)
		if err == nil {
			err = l.clearSecrets(pod.Name)
		}
		if err != nil {
			return err
		}
	}
	return l.clearSecrets(podName(a.Name, a.Instance.ID, a.Epoch)) // they are written before the pod is made
}

// stop ends the containers of a pod, those that depend on others before those.
func (l *loop) stop(ctx context.Context, a converge.Action, pod podman.PodState) error {
	end := func(name string, grace time.Duration) error {
		return l.client.Stop(ctx, containerName(pod.Name, name), grace)
	}
	var order []string
	if a.Spec != nil {
		order, _ = a.Spec.Order() // no job that was taken has a circle
	}
	if a.Within == 0 && order != nil {
		slices.Reverse(order)
		for _, name := range order {
			if err := end(name, grace(a.Spec, name)); err != nil {
				return err
			}
		}
		return nil
	}
	var all sync.WaitGroup
	faults := make([]error, len(pod.Containers))
	for at, c := range pod.Containers {
		within := unknownGrace
		if a.Within > 0 {
			within = a.Within
		}
		all.Go(func() { faults[at] = l.client.Stop(ctx, c.ID, within) })
	}
	all.Wait()
	return errors.Join(faults...)
}

// force ends what runs of pods without podman, which has not answered for long: another node waits to run the instance. Podman still has the
// pods; if ever it answers again they are removed as such that nobody wants.
func (l *loop) force(lived context.Context, pods []string) error {
	if err := l.endServices(lived); err != nil { // which could start something meanwhile
		return err
	}
	return l.insist(lived, "what is to be removed does not end", looks, func() (left []int, err error) {
		for _, pod := range pods {
			more, fault := l.endPod(pod)
			left, err = append(left, more...), errors.Join(err, fault)
		}
		return left, err
	})
}

// endPod kills what runs in a pod, and returns what still does.
func (l *loop) endPod(id string) (left []int, err error) {
	for _, below := range []string{stopGroup, keepGroup} {
		group, find := cgroup.Find(l.Cgroup + below + "/" + id)
		if find != nil {
			return nil, find
		}
		kill := group.Kill()
		more, look := group.Processes()
		left, err = append(left, more...), errors.Join(err, kill, look)
	}
	return left, err
}

// removePod removes a pod, if need be after killing what runs in it without podman's help. The files of its secrets are left: they are
// known by the pod's name, which another one may have that is being made.
func (l *loop) removePod(lived context.Context, pod podman.PodState) error {
	try := func() error {
		asked, done := context.WithTimeout(lived, patience/2)
		defer done()
		return l.client.RemovePod(asked, pod.ID) // not by name: another may have been made that has it
	}
	err := try()
	if err != nil && lived.Err() == nil {
		_, _ = l.endPod(pod.ID) // the next attempt tells whether it was of use
		err = try()
	}
	if err != nil {
		return fmt.Errorf("it cannot be removed: %w", err)
	}
	return nil
}
