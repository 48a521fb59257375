package node

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/names"
	"teamtask.dev/ozymandias/node/converge"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/uptime"
)

// A loop is what alone knows and changes how the instances stand. All others tell it, and do what it begins.
type loop struct {
	*life
	began   time.Time // when it was looked what is there
	end     context.CancelCauseFunc
	machine *converge.Machine
	writer  *writer
	leaving bool

	results  chan answer
	verdicts chan verdict
	notes    chan note
	deaths   chan string // containers by name
	polls    chan poll
	needs    chan need
	shared   chan []schedule.Volume // that nodes have in common

	actions map[schedule.Instance]context.CancelFunc // under way
	probes  map[probeKey]context.CancelFunc
	pods    map[string]schedule.Instance // by podman's id
	named   []names.Record               // what was published last; nil if nothing was yet
	unfit   string
	deaf    atomic.Bool                         // podman has not answered for so long that it may never
	tidied  map[schedule.Instance]chan struct{} // by whose volumes are being removed: closed once they are
	by      sync.WaitGroup

	making, starting turns
	sparing          turns              // one at a time
	looks            singleflight.Group // for volumes in the storage that nodes have in common
}

// An answer is what came of an action.
type answer struct {
	converge.Result
	pod string // podman's id of the pod, if it is known
}

// A note is what an action waits for, for people.
type note struct {
	schedule.Instance
	text string
}

func newLoop(l *life, began time.Time, end context.CancelCauseFunc) *loop {
	return &loop{life: l, began: began, end: end, machine: converge.New(l.Name, l.incarnation), writer: newWriter(l),
		results: make(chan answer), verdicts: make(chan verdict), notes: make(chan note), deaths: make(chan string), polls: make(chan poll),
		needs: make(chan need), shared: make(chan []schedule.Volume),
		actions: map[schedule.Instance]context.CancelFunc{}, probes: map[probeKey]context.CancelFunc{}, pods: map[string]schedule.Instance{},
		tidied: map[schedule.Instance]chan struct{}{}, making: newTurns(), starting: newTurns(), sparing: make(turns, 1)}
}

// settle is how long news of other nodes are let gather before they are looked at.
const settle = 50 * time.Millisecond

// run goes on until lived ends, or in order once ctx has ended.
func (l *loop) run(ctx, lived context.Context) error {
	lived, done := context.WithCancel(lived)
	defer l.by.Wait()
	defer done()
	l.by.Go(func() { l.writer.run(lived) })
	l.by.Go(func() { l.hear(lived) })
	l.by.Go(func() { l.poll(lived) })
	if l.Images != nil {
		l.by.Go(func() { _ = l.Images.Run(lived, l.lease.ID) })
	}
	l.by.Go(func() {
		if l.Mirror.Departed(lived, l.Name, l.incarnation) == nil {
			l.Log.Error("somebody has taken this node's entry from among the living")
			l.end(errOver)
		}
	})
	defer func() {
		if l.Names != nil && errors.Is(context.Cause(lived), errOver) {
			l.Names.Publish(l.lease.ID, nil)
		}
	}()
	told := ctx.Done()
	for {
		now, _, changed := l.Mirror.State()
		actions, again := l.machine.Step(converge.Input{Now: time.Now(), State: now, Cease: l.cease(), Leave: l.leaving})
		for _, a := range actions {
			l.act(lived, a)
		}
		l.probe(lived)
		report := l.machine.Report()
		report.Unfit = l.unfit
		l.tell(report)
		if l.leaving && len(report.Instances) == 0 {
			return errLeft
		}
		if l.wait(ctx, lived, told, changed, again); lived.Err() != nil {
			return nil
		}
		if ctx.Err() != nil && told != nil {
			if told = nil; l.Leave == nil || !l.Leave() {
				return nil
			}
			l.leaving = true
			l.Log.Info("stopping all instances, to leave the cluster")
		}
	}
}

// wait waits for something to have happened, and takes it in.
func (l *loop) wait(ctx, lived context.Context, told, changed <-chan struct{}, again time.Time) {
	var timer <-chan time.Time
	if !again.IsZero() {
		timer = time.After(time.Until(again))
	}
	select {
	case <-lived.Done():
	case <-told:
	case <-l.turned:
	case <-timer:
	case <-changed:
		// What follows from one change of the state often comes as several.
		select {
		case <-lived.Done():
		case <-time.After(settle):
		}
	case r := <-l.results:
		l.done(r)
	case v := <-l.verdicts:
		l.machine.Verdict(v.Probe, v.healthy, v.message)
	case n := <-l.notes:
		l.machine.Note(n.Instance, n.text)
	case container := <-l.deaths:
		l.died(container)
	case n := <-l.needs:
		l.yield(lived, n)
	case s := <-l.shared:
		l.tidyShared(lived, s)
	case p := <-l.polls:
		l.polled(lived, p)
	}
}

// cease is when everything has to have stopped; zero as long as the lease is held.
func (l *loop) cease() time.Time {
	if l.lease.Stage() == lease.Held {
		return time.Time{}
	}
	return time.Now().Add(l.lease.KillAt() - uptime.Now())
}

// act begins an action, or cuts the one under way.
func (l *loop) act(lived context.Context, a converge.Action) {
	if a.Verb == converge.Cut {
		l.actions[a.Instance]()
		return
	}
	ctx, cut := context.WithCancel(lived)
	l.actions[a.Instance] = cut
	behind := l.behind(a.Instance)
	var pods []string
	if a.Verb == converge.Remove {
		for id, of := range l.pods {
			if of == a.Instance {
				pods = append(pods, id)
			}
		}
	}
	l.by.Go(func() {
		defer cut()
		r := l.do(ctx, lived, a, behind, pods)
		select {
		case l.results <- r:
		case <-lived.Done():
		}
	})
}

// done takes in what came of an action.
func (l *loop) done(r answer) {
	delete(l.actions, r.Instance)
	if r.pod != "" {
		l.pods[r.pod] = r.Instance
	}
	l.machine.Done(time.Now(), r.Result)
}

// died takes in that a container has ended.
func (l *loop) died(container string) {
	// Podman calls what holds a pod's namespaces after the first part of the pod's id.
	if pod, infra := strings.CutSuffix(container, "-infra"); infra {
		for id, i := range l.pods {
			if strings.HasPrefix(id, pod) {
				l.machine.Doubt(i)
			}
		}
		return
	}
	for i, p := range l.there {
		if strings.HasPrefix(container, podName(p.name, i.ID, p.epoch)+"_") {
			l.machine.Doubt(i)
		}
	}
}

// tell tells the others what is: the report, names, and where containers are.
func (l *loop) tell(report schedule.Report) {
	there := map[schedule.Instance]placed{}
	healthy := []names.Record{}
	for _, r := range l.machine.Residents() {
		there[r.Instance] = placed{r.Name, r.Epoch}
		c := report.Instances[r.Instance]
		if address, err := netip.ParseAddr(c.Address); err == nil && c.Healthy {
			healthy = append(healthy, names.Record{Job: r.Name, ID: r.ID, Address: address})
		}
	}
	l.mu.Lock()
	l.there = there
	l.mu.Unlock()
	if l.Names != nil && (l.named == nil || !slices.Equal(healthy, l.named)) {
		l.named = healthy
		l.Names.Publish(l.lease.ID, healthy)
	}
	l.writer.set(l.report(report))
}
