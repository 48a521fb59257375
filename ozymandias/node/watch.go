package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
)

// every is the time between two looks at all that there is.
const every = 10 * time.Second

// silent is how long podman may not answer before the node says that it can run nothing. After twice that its service is killed, for
// another to take its place. Any answer will do: to list the pods it waits for each that something is done with, which on a busy machine takes
// its time. But if it goes on doing other things for stubborn times as long and never lists them, it never will: 4.3 has a deadlock
// of the list with the inspection of a container (github.com/containers/podman/issues/16441).
var silent = 30 * time.Second

const stubborn = 10

// A silence is since when podman has not answered.
type silence struct {
	any  time.Time // nothing at all
	list time.Time // what pods there are
	// killed is when a service was last killed for it: the next one gets its time, too.
	killed time.Time
}

// unfit tells whether nothing can run by then.
func (s silence) unfit(now time.Time) bool {
	return now.Sub(s.any) >= silent || now.Sub(s.list) >= stubborn*silent
}

// hopeless tells whether another service is to be tried by then.
func (s silence) hopeless(now time.Time) bool {
	return now.Sub(s.killed) >= 2*silent && (now.Sub(s.any) >= 2*silent || now.Sub(s.list) >= stubborn*silent)
}

// deaf tells whether, by then, another service was tried as well, and podman may never answer.
func (s silence) deaf(now time.Time) bool {
	return now.Sub(s.any) >= 4*silent || now.Sub(s.list) >= 2*stubborn*silent
}

// impatient is what tries something with podman, whose service is killed meanwhile whenever it has answered nothing for too long.
func (n *Node) impatient(ctx context.Context, try func() error) func() error {
	return func() error {
		trying, done := context.WithCancel(ctx)
		var by sync.WaitGroup
		defer by.Wait()
		defer done()
		by.Go(func() {
			for heard := time.Now(); pause(trying, silent/10) == nil; {
				if last := n.client.Answered(); last.After(heard) {
					heard = last
				}
				if time.Since(heard) >= 2*silent {
					n.Log.Error("podman does not answer: its service is killed")
					_ = n.endServices(trying) // which fails only when it is too late
					heard = time.Now()        // the next one gets its time, too
				}
			}
		})
		return try()
	}
}

// hear tells the loop of each container that ends.
func (l *loop) hear(ctx context.Context) {
	for container := range l.client.Deaths(ctx, l.began) {
		select {
		case l.deaths <- container:
		case <-ctx.Done():
			return
		}
	}
}

// A poll is all that podman has of this node's.
type poll struct {
	pods  []podman.PodState
	whole bool // it answered
	unfit string
}

// poll tells the loop now and then what there is, as news get lost.
func (l *loop) poll(ctx context.Context) {
	look := time.NewTicker(every)
	defer look.Stop()
	quiet := silence{any: time.Now(), list: time.Now()}
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if l.sparing.takeFree() { // who looks whether podman hangs does not wait for those who wait for podman
			l.spareImages(ctx, scarce)
			l.sparing.giveBack()
		}
		l.tidyLogs()
		asked, done := context.WithTimeout(ctx, silent)
		pods, err := l.client.Pods(asked, map[string]string{labelNode: l.Name})
		done()
		now := time.Now()
		if err == nil {
			quiet.list = now
		}
		if heard := l.client.Answered(); heard.After(quiet.any) {
			quiet.any = heard
		}
		if l.Volumes != nil {
			l.makeRoom(ctx, func() bool { return l.scarce(0) })
		}
		unfit := l.fitness(err, quiet.unfit(now))
		l.deaf.Store(quiet.deaf(now))
		if quiet.hopeless(now) {
			l.Log.Error("podman does not answer: its service is killed", "error", err)
			if quiet.killed = now; l.endServices(ctx) != nil {
				return
			}
		}
		select {
		case l.polls <- poll{pods, err == nil, unfit}:
		case <-ctx.Done():
			return
		}
	}
}

// fitness says why nothing can run here, if so.
func (l *loop) fitness(err error, silent bool) string {
	if err != nil && silent {
		return "podman does not answer: " + words(err)
	}
	if free, err := l.free(); err == nil && free < scarce/2 {
		return fmt.Sprintf("the disk of %s is full: %d MB are left", l.Dir, free>>20)
	}
	if l.Check != nil {
		if err := l.Check(); err != nil {
			return err.Error()
		}
	}
	return ""
}

// polled takes in what there is. Where it is not what is known it is looked at in turn, as it may have changed since.
func (l *loop) polled(lived context.Context, p poll) {
	if l.unfit != p.unfit {
		if l.unfit = p.unfit; l.unfit != "" {
			l.Log.Error("nothing can run here", "why", l.unfit)
		} else {
			l.Log.Info("instances can run here again")
		}
	}
	if !p.whole {
		return
	}
	known := l.machine.Report().Instances
	for _, pod := range p.pods {
		m, err := readMark(pod)
		at, there := l.there[m.Instance]
		switch {
		case err == nil && there && at.epoch == m.epoch:
			if !same(pod, known[m.Instance].Containers) {
				l.machine.Doubt(m.Instance)
			}
			l.pods[pod.ID] = m.Instance
		case l.actions[m.Instance] == nil:
			// Podman has made it long after it was asked to. Nothing of it was ever started.
			l.by.Go(func() {
				if err := l.removePod(lived, pod); err != nil && lived.Err() == nil {
					l.Log.Warn("a pod that nobody wants is left", "pod", pod.Name, "error", err)
				}
			})
		}
	}
	for id, i := range l.pods {
		if _, there := l.there[i]; !there {
			delete(l.pods, id)
		}
	}
	for i := range l.there {
		if l.actions[i] == nil && !has(p.pods, i) {
			l.machine.Doubt(i)
		}
	}
	l.tidy(lived)
}

// same tells whether a pod is as it is known to be, as far as a list says.
func same(pod podman.PodState, known map[string]schedule.ContainerCondition) bool {
	running := 0
	for _, c := range pod.Containers {
		if (podman.ContainerState{Status: c.Status}).Running() {
			running++
		}
	}
	for _, c := range known {
		if c.State == schedule.ContainerRunning {
			running--
		}
	}
	return running == 0 && len(known) == len(pod.Containers)
}

func has(pods []podman.PodState, i schedule.Instance) bool {
	for _, pod := range pods {
		if m, err := readMark(pod); err == nil && m.Instance == i {
			return true
		}
	}
	return false
}
