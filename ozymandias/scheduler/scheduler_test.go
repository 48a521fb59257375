package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/scheduler"
	"teamtask.dev/ozymandias/state"
)

// A site is an etcd with nodes that schedule. Their machines are made of paper: what is to run "runs" at once, and what is to stop has
// stopped at once. The site keeps count of what runs where, and finds fault with an instance that runs twice.
type site struct {
	*testing.T
	etcd    *etcdtest.Etcd
	store   *state.Store
	mirror  *state.Mirror
	running sync.WaitGroup

	mu sync.Mutex
	on map[schedule.Instance]string // what runs, and on which node
}

type node struct {
	*site
	name        string
	incarnation string
	lease       clientv3.LeaseID
	stop        context.CancelFunc
	done        chan struct{}
}

func newSite(t *testing.T) *site {
	s := &site{T: t, etcd: etcdtest.Start(t), on: map[schedule.Instance]string{}}
	s.store = state.New(s.etcd.Direct)
	s.mirror = s.follow(t.Context())
	t.Cleanup(s.running.Wait)
	return s
}

// follow returns a mirror that follows the state until ctx ends.
func (s *site) follow(ctx context.Context) *state.Mirror {
	s.Helper()
	m, err := s.store.NewMirror(ctx)
	if err != nil {
		s.Fatal(err)
	}
	s.running.Go(func() { m.Run(ctx) })
	return m
}

// node starts a node with 4G of memory.
func (s *site) node(name string) *node {
	s.Helper()
	l, err := lease.Grant(s.Context(), s.etcd.Direct, time.Hour)
	if err != nil {
		s.Fatal(err)
	}
	n := &node{site: s, name: name, lease: l.ID, done: make(chan struct{})}
	n.incarnation, err = s.store.Join(s.Context(), name, state.Machine{Capacity: placement.Resources{Memory: 4e9, Disk: 1e11, CPU: 4000}}, state.Report{}, l.ID, 0)
	if err != nil {
		s.Fatal(err)
	}
	ctx, stop := context.WithCancel(s.Context())
	n.stop = stop
	m := s.follow(ctx)
	s.running.Go(func() {
		defer close(n.done)
		n.run(ctx, m)
	})
	decider := &scheduler.Scheduler{Node: name, Store: s.store, Mirror: m, Log: slog.New(slog.NewTextHandler(s.Output(), nil))}
	s.running.Go(func() {
		if err := decider.Run(ctx); !errors.Is(err, context.Canceled) {
			s.Errorf("the scheduler of %s ended with %v", name, err)
		}
	})
	return n
}

// run goes by the node's plan.
func (n *node) run(ctx context.Context, m *state.Mirror) {
	own := map[schedule.Instance]schedule.Condition{}
	defer func() { // as the watchdog would
		for i := range own {
			n.ended(i)
		}
	}()
	for {
		now, _, changed := m.State()
		if at := slices.IndexFunc(now.Nodes, func(o schedule.Node) bool { return o.Name == n.name }); at >= 0 {
			here := &now.Nodes[at]
			here.Report.Instances = own
			next := n.follow(&now, here, own)
			if err := n.report(ctx, here.Plan.Version, next); err != nil {
				return
			}
			own = next
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// follow stops what is not planned, and starts what is planned and may start.
func (n *node) follow(now *schedule.State, here *schedule.Node, own map[schedule.Instance]schedule.Condition) map[schedule.Instance]schedule.Condition {
	next := map[schedule.Instance]schedule.Condition{}
	if here.Plan.Incarnation != n.incarnation {
		return next
	}
	for i, c := range own {
		if !slices.ContainsFunc(here.Plan.Instances, func(p schedule.Planned) bool { return p.Instance == i && p.Epoch == c.Epoch }) {
			n.ended(i)
			delete(own, i)
		}
	}
	for _, p := range here.Plan.Instances {
		c, runs := own[p.Instance]
		if !runs && now.WaitsFor(n.name, p) == "" {
			n.begun(p.Instance)
			c = schedule.Condition{Epoch: p.Epoch, Revision: p.Revision, Phase: schedule.Running, Healthy: true, Settled: true}
			own[p.Instance] = c
			runs = true
		}
		if runs {
			next[p.Instance] = c
		}
	}
	return next
}

func (n *node) report(ctx context.Context, plan int64, own map[schedule.Instance]schedule.Condition) error {
	r := state.Report{Incarnation: n.incarnation, Plan: plan}
	for i, c := range own {
		r.Instances = append(r.Instances, state.Instance{Instance: i, Condition: c})
	}
	_, err := n.store.Report(ctx, n.name, r, n.lease)
	return err
}

func (n *node) begun(i schedule.Instance) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if other := n.on[i]; other != "" {
		n.Errorf("%v is started on %s while it runs on %s", i, n.name, other)
	}
	n.on[i] = n.name
}

func (n *node) ended(i schedule.Instance) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.on, i)
}

// kill ends a node as a power cut would, and its lease after that.
func (n *node) kill() {
	n.Helper()
	n.stop()
	<-n.done
	if _, err := n.etcd.Direct.Revoke(context.Background(), n.lease); err != nil {
		n.Fatal(err)
	}
}

// apply changes the state as an API would, from whatever is the newest.
func (s *site) apply(m *state.Mirror, change func(schedule.State) schedule.State) error {
	api := &scheduler.Scheduler{Store: s.store, Mirror: m}
	_, _, err := api.Apply(s.Context(), func(now schedule.State) (schedule.State, error) { return change(now), nil })
	return err
}

// put applies a job that needs 1G for each instance.
func put(name string, instances int, image string) func(schedule.State) schedule.State {
	return func(now schedule.State) schedule.State {
		return now.Put("uid-"+name, job.Job{Name: name, NumInstances: &instances,
			Containers: map[string]job.Container{"app": {Image: image, Memory: 1e9}}}.Default())
	}
}

// until waits for what runs to be as wanted.
func (s *site) until(what string, is func(on map[schedule.Instance]string, now schedule.State) bool) {
	s.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		now, _, changed := s.mirror.State()
		s.mu.Lock()
		on := maps.Clone(s.on)
		s.mu.Unlock()
		if is(on, now) {
			return
		}
		select {
		case <-changed:
		case <-time.After(100 * time.Millisecond): // what runs is not in the mirror
		}
		if time.Now().After(deadline) {
			s.Fatalf("%s: not within two minutes; there run %v", what, on)
		}
	}
}

// Instances run, spread over the nodes; those of a lost node run elsewhere; what has no room waits, and runs once a node joins.
func TestLife(t *testing.T) {
	s := newSite(t)
	n1, n2, _ := s.node("n1"), s.node("n2"), s.node("n3")
	if err := s.apply(s.mirror, put("web", 6, "app:1")); err != nil {
		t.Fatal(err)
	}
	s.until("six on three nodes", func(on map[schedule.Instance]string, _ schedule.State) bool {
		per := map[string]int{}
		for _, name := range on {
			per[name]++
		}
		return len(on) == 6 && per["n1"] == 2 && per["n2"] == 2 && per["n3"] == 2
	})
	n1.kill()
	s.until("six on two nodes", func(on map[schedule.Instance]string, _ schedule.State) bool {
		return len(on) == 6 && !slices.Contains(slices.Collect(maps.Values(on)), "n1")
	})
	n2.kill()
	s.until("four, as there is no room for more", func(on map[schedule.Instance]string, _ schedule.State) bool { return len(on) == 4 })
	s.node("n1")
	s.until("six again", func(on map[schedule.Instance]string, _ schedule.State) bool { return len(on) == 6 })
	if err := s.apply(s.mirror, func(now schedule.State) schedule.State {
		after, err := now.Remove("web")
		if err != nil {
			t.Error(err)
		}
		return after
	}); err != nil {
		t.Fatal(err)
	}
	s.until("nothing, and no record of the job", func(on map[schedule.Instance]string, now schedule.State) bool {
		return len(on) == 0 && len(now.Jobs) == 0
	})
	left, err := s.etcd.Direct.Get(t.Context(), state.Prefix+"specs/", clientv3.WithPrefix())
	if err != nil || left.Count > 0 {
		t.Errorf("%d specs of the job are left, %v", left.Count, err)
	}
}

// A new revision takes the place of the old one, and the specs of revisions that nothing runs are not kept for ever.
func TestDeploy(t *testing.T) {
	s := newSite(t)
	s.node("n1")
	s.node("n2")
	for revision := 1; revision <= 3; revision++ {
		if err := s.apply(s.mirror, put("web", 3, fmt.Sprint("app:", revision))); err != nil {
			t.Fatal(err)
		}
		s.until(fmt.Sprint("revision ", revision), func(on map[schedule.Instance]string, now schedule.State) bool {
			runs := 0
			for _, n := range now.Nodes {
				for _, c := range n.Report.Instances {
					if c.Revision == int64(revision) {
						runs++
					}
				}
			}
			return len(on) == 3 && runs == 3 && now.Jobs[0].Stable == int64(revision)
		})
	}
	s.until("at most one spec beside the present one", func(_ map[schedule.Instance]string, now schedule.State) bool { return len(now.Jobs[0].Specs) <= 1 })
}

// Jobs are submitted to different nodes at once, for more than there is room. All of the nodes come to one and the same outcome: what
// fits runs, once, and nothing is over capacity.
func TestConflictingSubmissions(t *testing.T) {
	s := newSite(t)
	for i := range 3 {
		s.node(fmt.Sprint("n", i))
	}
	var submitting sync.WaitGroup
	for i := range 6 {
		m := s.follow(t.Context())
		submitting.Go(func() {
			if err := s.apply(m, put(fmt.Sprint("job", i), 3, "app")); err != nil {
				t.Error(err)
			}
		})
	}
	submitting.Wait()
	s.until("twelve of eighteen", func(on map[schedule.Instance]string, now schedule.State) bool {
		return len(on) == 12 && len(now.Jobs) == 6
	})
	per := map[string]int{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.on {
		per[name]++
	}
	if len(per) != 3 || per["n0"] != 4 || per["n1"] != 4 || per["n2"] != 4 {
		t.Errorf("there run %v; each node has room for 4", per)
	}
}
