package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"teamtask.dev/ozymandias/node/converge"
	"teamtask.dev/ozymandias/plain"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
)

// run is a life once it has its lease: podman, what is on the machine, joining, and then the loop. It ends with lived, or in order when
// ctx has ended; then podman's service has ended, too.
func (l *life) run(ctx, lived context.Context, end context.CancelCauseFunc) error {
	setup, done := context.WithCancel(lived)
	defer done()
	defer context.AfterFunc(ctx, done)()
	service, err := podman.Start(setup, l.Options.Podman)
	if err != nil {
		return &cannotRun{err}
	}
	defer service.Close()
	if err := l.attempt(setup, "make the pods' network", func() error { return l.client.EnsureNetwork(setup, l.Network) }); err != nil {
		return err
	}
	began := time.Now() // what ends after this is heard of
	var found []converge.Found
	if err := l.attempt(setup, "look what is on the machine", func() (err error) {
		found, err = l.look(setup)
		return err
	}); err != nil {
		return err
	}
	if err := l.attempt(setup, "say what storage the node has", func() error { return l.labelStorage(setup) }); err != nil {
		return err
	}
	resumed := l.incarnation != ""
	if !resumed {
		if err := l.join(setup, found); err != nil {
			return err
		}
	}
	// An earlier process may have gone by a later plan than the mirror has, and said so.
	if err := l.attempt(setup, "read the node's plan", func() error {
		plan, err := l.Store.Plan(setup, l.Name)
		if err == nil {
			err = l.Mirror.Wait(setup, plan.Version)
		}
		return err
	}); err != nil {
		return err
	}
	now, _, _ := l.Mirror.State()
	if here := now.Node(l.Name); resumed && here != nil {
		for i := range found {
			found[i].Was = here.Report.Instances[found[i].Instance]
		}
	}
	loop := newLoop(l, began, end)
	loop.machine.Adopt(time.Now(), now, found...)
	return loop.run(ctx, lived)
}

// join enters the node among the living. Another one of its name is waited for: most likely it is this one's last life, whose lease is not
// known any more.
func (l *life) join(ctx context.Context, found []converge.Found) error {
	now, _, _ := l.Mirror.State()
	before := converge.New(l.Name, "")
	before.Adopt(time.Now(), now, found...)
	machine := state.Machine{Address: l.Address, Labels: l.labels()}
	return l.attempt(ctx, "join", func() (err error) {
		if machine.Capacity, err = l.capacity(); err != nil {
			return err
		}
		report := l.report(before.Report())
		if l.incarnation, err = l.Store.Join(ctx, l.Name, machine, report, l.lease.ID, l.last); err != nil {
			return err
		}
		l.Log.Info("the node has joined", "incarnation", l.incarnation)
		if l.last != 0 {
			if _, err := l.Etcd.Revoke(ctx, l.last); err != nil {
				l.Log.Debug("the lease of the last life is left to run out", "error", err)
			}
			l.last = 0
		}
		return nil
	})
}

// report is what to write of the machine.
func (l *life) report(r schedule.Report) state.Report {
	written := state.Report{Incarnation: l.incarnation, Plan: r.Plan, Load: load(), Unfit: r.Unfit}
	for i, c := range r.Instances {
		written.Instances = append(written.Instances, state.Instance{Instance: i, Condition: c})
	}
	if l.Volumes != nil {
		written.Volumes = l.Volumes.All()
	}
	slices.SortFunc(written.Instances, func(a, b state.Instance) int { return a.Compare(b.Instance) })
	return written
}

// look finds the pods of this node that are on the machine.
func (n *Node) look(ctx context.Context) (found []converge.Found, err error) {
	pods, err := n.client.Pods(ctx, map[string]string{labelNode: n.Name})
	if err != nil {
		return nil, err
	}
	if err := n.tidySecrets(pods); err != nil {
		return nil, err
	}
	for _, pod := range pods {
		m, err := readMark(pod)
		if err != nil { // it can be nobody's any more
			if err := n.client.RemovePod(ctx, pod.Name); err != nil {
				return nil, err
			}
			continue
		}
		facts, err := n.inspect(ctx, pod)
		if err != nil {
			return nil, fmt.Errorf("look at pod %s: %w", pod.Name, err)
		}
		found = append(found, converge.Found{Instance: m.Instance, Name: m.name, Epoch: m.epoch, Revision: m.revision, Pod: facts})
	}
	return found, nil
}

// inspect tells how a pod stands.
func (n *Node) inspect(ctx context.Context, pod podman.PodState) (converge.Pod, error) {
	facts := converge.Pod{Containers: map[string]converge.Facts{}}
	address, err := n.client.Address(ctx, pod, n.Network.Name)
	if err != nil {
		return facts, err
	}
	if address.IsValid() {
		facts.Address = address.String()
	}
	for _, c := range pod.Containers {
		s, err := n.client.Container(ctx, c.ID)
		if errors.Is(err, podman.ErrNotFound) { // it is being removed, or podman was ended while it removed it
			continue
		}
		if err != nil {
			return facts, err
		}
		f := converge.Facts{Started: s.Started, Ended: s.Finished, ExitCode: s.ExitCode, OutOfMemory: s.OutOfMemory, Error: plain.Line(s.Error, longestFault)}
		switch {
		case s.Running():
			f.State = converge.Running
		case s.Started.IsZero():
			f.State = converge.Created
		default:
			f.State, f.Last = converge.Ended, lastLine(s.Log)
		}
		facts.Containers[s.Labels[labelContainer]] = f
	}
	return facts, nil
}

// What of others' words is told at most, in characters: of a line of a log, and of what went wrong.
const (
	longestLine  = 200
	longestFault = 1000
)

// lastLine is the last line that a container has written, as far as it can be read: for people.
func lastLine(log string) (text string) {
	for line, err := range podman.ReadLog(log, podman.Log{Tail: 1}) {
		if err == nil {
			text = line.Text
		}
	}
	return plain.Line(strings.TrimSpace(text), longestLine)
}
