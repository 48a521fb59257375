// Package apitest gives tests a cluster with a real API and etcd, whose machines are made of paper: what is planned "runs" when the test says
// so ([Cluster.Settle]), and nothing happens behind its back.
package apitest

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/node/logs"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/scheduler"
	"teamtask.dev/ozymandias/state"
)

// Cluster is one that nobody decides in but its API and [Cluster.Settle].
type Cluster struct {
	*testing.T
	Etcd      *clientv3.Client
	Store     *state.Store
	Mirror    *state.Mirror
	Scheduler *scheduler.Scheduler
	Members   *Members

	nodes []*node
	disks map[string][]schedule.Volume // by node, through its lives
}

// node is a machine of paper.
type node struct {
	name, incarnation string
	machine           state.Machine
	lease             clientv3.LeaseID
	unfit             string
	ingress           []schedule.IngressProblem
	unwell            map[schedule.Instance]string
	broken            map[schedule.Instance]int64 // the revision at which it is
	restarted         map[schedule.Instance]int
}

// New starts a cluster without nodes, which ends with the test.
func New(t *testing.T) *Cluster {
	t.Helper()
	c := &Cluster{T: t, Etcd: etcdtest.Start(t).Direct, disks: map[string][]schedule.Volume{}}
	c.Store = state.New(c.Etcd)
	c.Members = &Members{store: c.Store}
	ctx, stop := context.WithCancel(context.Background())
	var err error
	if c.Mirror, err = c.Store.NewMirror(ctx); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { defer close(over); c.Mirror.Run(ctx) }()
	t.Cleanup(func() { stop(); <-over })
	c.Scheduler = &scheduler.Scheduler{Node: "n1", Store: c.Store, Mirror: c.Mirror, Log: slog.New(slog.DiscardHandler)}
	return c
}

// Options are those of an API that needs nothing but the state. A test may add to them.
func (c *Cluster) Options() api.Options {
	return api.Options{Node: "n1", Mirror: c.Mirror, Store: c.Store, Scheduler: c.Scheduler, Members: c.Members, Etcd: c.Etcd,
		Container: func(string, string, string) (string, bool) { return "", false }, Logs: logs.New(filepath.Join(c.TempDir(), "logs"))}
}

// Serve serves an API on the socket of a run directory, and returns a client of it.
func (c *Cluster) Serve(o api.Options) (run string, _ *client.Client) {
	c.Helper()
	a, err := api.New(o)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(a.Close)
	run = Listen(c.T, &http.Server{Handler: a.Local()})
	asking := client.Local(run)
	c.Cleanup(asking.Close)
	return run, asking
}

// Node has a node join, with so many bytes of memory, a disk of 100G and 4 processors.
func (c *Cluster) Node(name, address string, memory int64) {
	c.Helper()
	l, err := lease.Grant(c.Context(), c.Etcd, time.Hour)
	if err != nil {
		c.Fatal(err)
	}
	n := &node{name: name, lease: l.ID, unwell: map[schedule.Instance]string{}, broken: map[schedule.Instance]int64{}, restarted: map[schedule.Instance]int{},
		machine: state.Machine{Address: address, Capacity: placement.Resources{Memory: memory, Disk: 100e9, CPU: 4000}}}
	if n.incarnation, err = c.Store.Join(c.Context(), name, n.machine, state.Report{}, l.ID, 0); err != nil {
		c.Fatal(err)
	}
	c.nodes = slices.DeleteFunc(c.nodes, func(old *node) bool { return old.name == name })
	c.nodes = append(c.nodes, n)
	c.until(func(now schedule.State) bool {
		return now.Node(name) != nil && now.Node(name).Incarnation == n.incarnation
	})
}

// Kill ends a node and its lease.
func (c *Cluster) Kill(name string) {
	c.Helper()
	at := slices.IndexFunc(c.nodes, func(n *node) bool { return n.name == name })
	if at < 0 {
		c.Fatalf("there is no node %s", name)
	}
	if _, err := c.Etcd.Revoke(c.Context(), c.nodes[at].lease); err != nil {
		c.Fatal(err)
	}
	c.nodes = slices.Delete(c.nodes, at, at+1)
	c.until(func(now schedule.State) bool { return !now.Node(name).Alive() })
}

// Unwell has an instance run and not be healthy from the next Settle on, and say why; "" makes it well.
func (c *Cluster) Unwell(job, id, why string) {
	c.Helper()
	now, _, _ := c.Mirror.State()
	for _, j := range now.Jobs {
		for _, n := range c.nodes {
			if j.Spec.Name == job && !j.Deleted {
				n.unwell[schedule.Instance{Job: j.UID, ID: id}] = why
			}
		}
	}
}

// Restart has an instance's containers have been started again so often, from the next Settle on.
func (c *Cluster) Restart(job, id string, times int) {
	c.Helper()
	of := schedule.Instance{Job: c.UID(job), ID: id}
	for _, n := range c.nodes {
		n.restarted[of] = times
	}
}

// UID is that of a job.
func (c *Cluster) UID(job string) string {
	c.Helper()
	now, _, _ := c.Mirror.State()
	at := slices.IndexFunc(now.Jobs, func(j schedule.Job) bool { return j.Spec.Name == job && !j.Deleted })
	if at < 0 {
		c.Fatalf("there is no job %s", job)
	}
	return now.Jobs[at].UID
}

// Break has an instance use up its tries from the next Settle on, as long as it runs that revision: its containers end with 7.
func (c *Cluster) Break(job, id string, revision int64) {
	now, _, _ := c.Mirror.State()
	for _, j := range now.Jobs {
		for _, n := range c.nodes {
			if j.Spec.Name == job && !j.Deleted {
				n.broken[schedule.Instance{Job: j.UID, ID: id}] = revision
			}
		}
	}
}

// Unfit has a node say from the next Settle on that it can run nothing, and why.
func (c *Cluster) Unfit(name, why string) {
	for _, n := range c.nodes {
		if n.name == name {
			n.unfit = why
		}
	}
}

// Ingress has a node say from the next Settle on that these are its ingress's problems.
func (c *Cluster) Ingress(name string, problems ...schedule.IngressProblem) {
	for _, n := range c.nodes {
		if n.name == name {
			n.ingress = problems
		}
	}
}

// Work has that be known of the worklist of a job.
func (c *Cluster) Work(job string, w state.Work) {
	c.Helper()
	uid := c.UID(job)
	if err := c.Store.Work(c.Context(), uid, w); err != nil {
		c.Fatal(err)
	}
	c.until(func(now schedule.State) bool {
		j := now.Job(uid)
		return j.Trouble == w.Trouble && (w.Instances == nil || j.Work != nil && *j.Work == *w.Instances && j.Finished == w.Finished)
	})
}

// Settle has all nodes do what their plans say, and everything be decided that follows, until there is nothing left to be done. What the
// machines of paper run is healthy at once.
func (c *Cluster) Settle() {
	c.Helper()
	for {
		moved := false
		for _, n := range c.nodes {
			moved = c.obey(n) || moved
		}
		version, decision, err := c.Scheduler.Apply(c.Context(), func(now schedule.State) (schedule.State, error) { return now, nil })
		if err != nil {
			c.Fatal(err)
		}
		if err := c.Mirror.Wait(c.Context(), version); err != nil {
			c.Fatal(err)
		}
		if !moved && !decision.Changed() {
			return
		}
	}
}

// obey reports what a node's plan says to be so, and tells whether that is news.
func (c *Cluster) obey(n *node) (news bool) {
	c.Helper()
	now, _, _ := c.Mirror.State()
	here := now.Node(n.name)
	if here.Plan.Incarnation != n.incarnation && len(here.Plan.Instances) > 0 {
		return false
	}
	next := state.Report{Incarnation: n.incarnation, Plan: here.Plan.Version, Unfit: n.unfit, Ingress: n.ingress, Load: 0.25}
	same := here.Report.Plan == next.Plan && here.Report.Unfit == n.unfit && slices.Equal(here.Report.Ingress, n.ingress)
	count := 0
	for _, p := range here.Plan.Instances {
		was, known := here.Report.Instances[p.Instance]
		condition := schedule.Condition{Epoch: p.Epoch, Revision: p.Revision, Phase: schedule.Running, Address: "10.88.0." + p.ID, Healthy: true, Settled: true, Restarts: n.restarted[p.Instance],
			Since: time.Now(), Containers: map[string]schedule.ContainerCondition{}}
		why := n.unwell[p.Instance]
		if why != "" {
			condition.Healthy, condition.Settled, condition.Message = false, false, why
		}
		if n.broken[p.Instance] == p.Revision {
			condition.Phase, condition.Healthy, condition.Settled, condition.Message = schedule.Broken, false, false, "app ended with code 7"
			for name := range now.Spec(p.Job, p.Revision).Containers {
				condition.Containers[name] = schedule.ContainerCondition{State: schedule.ContainerEnded, ExitCode: 7}
			}
		}
		if waits := now.WaitsFor(n.name, p); waits != "" && !(known && was.Epoch == p.Epoch && was.Phase != schedule.Waiting) {
			condition = schedule.Condition{Epoch: p.Epoch, Revision: p.Revision, Phase: schedule.Waiting, Since: time.Now(), Message: waits}
		}
		if spec := now.Spec(p.Job, p.Revision); spec != nil && condition.Phase == schedule.Running {
			for name, container := range spec.Containers {
				condition.Containers[name] = schedule.ContainerCondition{State: schedule.ContainerRunning, Since: time.Now(), Restarts: condition.Restarts}
				c.keep(n, p, container)
			}
		}
		same = same && known && was.Epoch == condition.Epoch && was.Phase == condition.Phase && was.Healthy == condition.Healthy && was.Message == condition.Message && was.Restarts == condition.Restarts
		next.Instances = append(next.Instances, state.Instance{Instance: p.Instance, Condition: condition})
		count++
	}
	next.Volumes = c.disks[n.name]
	same = same && slices.Equal(here.Volumes, next.Volumes)
	if same && count == len(here.Report.Instances) {
		return false
	}
	if _, err := c.Store.Report(c.Context(), n.name, next, n.lease); err != nil {
		c.Fatal(err)
	}
	c.until(func(now schedule.State) bool {
		r := now.Node(n.name).Report
		return r.Plan == next.Plan && r.Unfit == next.Unfit && slices.Equal(r.Ingress, next.Ingress) && len(r.Instances) == count && !slices.ContainsFunc(next.Instances, func(i state.Instance) bool {
			got := r.Instances[i.Instance]
			return got.Epoch != i.Epoch || got.Phase != i.Phase || got.Healthy != i.Healthy || got.Message != i.Message
		})
	})
	return true
}

// keep has a node have the local volumes of a container. Nothing removes them.
func (c *Cluster) keep(n *node, p schedule.Planned, container job.Container) {
	for _, v := range container.Volumes {
		if v.Type == job.Shared {
			continue
		}
		kept := schedule.Volume{Instance: p.Instance, Name: v.Name, Space: int64(v.Space), Epoch: p.Epoch}
		c.disks[n.name] = append(slices.DeleteFunc(slices.Clone(c.disks[n.name]), func(old schedule.Volume) bool {
			return old.Instance == kept.Instance && old.Name == kept.Name
		}), kept)
	}
}

// until waits for the mirror to have what was written.
func (c *Cluster) until(is func(schedule.State) bool) {
	c.Helper()
	ctx, done := context.WithTimeout(c.Context(), 3*time.Minute)
	defer done()
	for {
		now, _, changed := c.Mirror.State()
		if is(now) {
			return
		}
		select {
		case <-ctx.Done():
			c.Fatal(errors.New("the mirror does not follow"))
		case <-changed:
		}
	}
}
