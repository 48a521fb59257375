package server_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/member"
)

func newSwarm(name string, spec v1alpha1.SwarmSpec) *v1alpha1.Swarm {
	return &v1alpha1.Swarm{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.SwarmKind}, ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
}

func streams(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("cctv-%02d", i))
	}
	return names
}

// crew are workers that run what they are told, and say so to the test.
type crew struct {
	mu   sync.Mutex
	news chan struct{} // capacity 1
	runs map[string]v1alpha1.AssignmentSpec
	all  sync.WaitGroup
}

func newCrew() *crew {
	return &crew{news: make(chan struct{}, 1), runs: map[string]v1alpha1.AssignmentSpec{}}
}

// hire has a worker join. It leaves when the context ends.
func (c *crew) hire(ctx context.Context, t *testing.T, door member.Door, name string) {
	c.all.Go(func() {
		err := member.Run(ctx, door, member.Worker{Name: name}, member.Options{}, func(_ context.Context, part v1alpha1.AssignmentSpec) error {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.runs[name] = part
			select {
			case c.news <- struct{}{}:
			default:
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("worker %s: %v", name, err)
		}
	})
}

// until waits until the workers run so many each, in ascending order.
func (c *crew) until(t *testing.T, want ...int) {
	t.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	for {
		var got []int
		c.mu.Lock()
		for _, part := range c.runs {
			if part.Incarnation != "" {
				got = append(got, len(part.Workloads))
			}
		}
		c.mu.Unlock()
		slices.Sort(got)
		if slices.Equal(got, want) {
			return
		}
		select {
		case <-c.news:
		case <-deadline.C:
			t.Fatalf("workers run %v, not %v", got, want)
		}
	}
}

// A swarm is created, workers join and share it, and it survives a restart of the server.
func TestASwarm(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	sw, err := s.CreateSwarm(t.Context(), newSwarm("streams", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: streams(26)}}))
	if err != nil || sw.UID == "" || sw.Generation != 1 || sw.Status.Phase() != v1alpha1.SwarmNoWorkers {
		t.Fatalf("%+v, %v", sw, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	c := newCrew()
	c.hire(ctx, t, s.Swarm("streams"), "a")
	c.hire(ctx, t, s.Swarm("streams"), "b")
	c.until(t, 13, 13)
	third, leave := context.WithCancel(ctx)
	c.hire(third, t, s.Swarm("streams"), "c")
	c.until(t, 8, 9, 9)
	var parts []*v1alpha1.Assignment
	for a, err := range s.Assignments(t.Context(), "streams") {
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, a)
	}
	if len(parts) != 3 || parts[0].Name != "streams.a" || parts[0].Spec.Count < 8 {
		t.Errorf("%+v", parts)
	}
	leave()
	c.until(t, 13, 13)
	stop()
	c.all.Wait()
	s.stop(t)

	s = start(t, dir)
	defer s.stop(t)
	again, err := s.GetSwarm(t.Context(), "streams")
	if err != nil || again.UID != sw.UID || again.Status.Workers != 0 || again.Status.Version <= sw.Status.Version {
		t.Errorf("%+v, %v", again, err)
	}
}

// It is changed, watched, suspended and deleted.
func TestChangesOfASwarm(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	ctx := t.Context()
	three := int32(3)
	spec := v1alpha1.SwarmSpec{Capacity: 100, Pool: &v1alpha1.PoolReference{Kind: "Deployment", Name: "workers"}, Replicas: &three, // ignored, as there are no pods
		Workloads: v1alpha1.WorkloadSources{Names: streams(4), ConfigMaps: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
			List: []v1alpha1.WorkloadItem{{Name: "large", WorkloadNeeds: v1alpha1.WorkloadNeeds{Weight: 5, Exclusive: true, Priority: -1, Requires: map[string]string{"gpu": "true"}}}}},
		Handover: v1alpha1.HandoverPolicy{Mode: v1alpha1.HandoverAvailable, Lease: &metav1.Duration{Duration: time.Minute}}}
	sw, err := s.ApplySwarm(ctx, newSwarm("streams", spec))
	if err != nil || sw.Generation != 1 || sw.Status.Workloads != 5 {
		t.Fatalf("%+v, %v", sw, err)
	}
	if why := sw.Status.Conditions[0].Message; !strings.Contains(why, "join") || strings.Contains(why, "kubectl") {
		t.Errorf("nobody is there, and what to do is: %s", why)
	}
	if same, err := s.ApplySwarm(ctx, sw); err != nil || same.ResourceVersion != sw.ResourceVersion {
		t.Errorf("applied as it was read: %+v, %v", same, err)
	}
	if same, err := s.CreateSwarm(ctx, newSwarm("streams", spec)); err != nil || same.UID != sw.UID {
		t.Errorf("created again: %+v, %v", same, err)
	}
	if _, err := s.CreateSwarm(ctx, newSwarm("streams", v1alpha1.SwarmSpec{})); !client.IsConflict(err) {
		t.Errorf("created with another spec: %v", err)
	}
	if same, err := s.ApplySwarm(ctx, newSwarm("streams", spec)); err != nil || same.Generation != 1 || same.ResourceVersion != sw.ResourceVersion {
		t.Errorf("applied again: %+v, %v", same, err)
	}
	watch, stop := context.WithCancel(ctx)
	defer stop()
	seen := make(chan string, 100)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		for st, err := range s.WatchSwarm(watch, "streams") {
			if err != nil {
				return
			}
			seen <- st.Phase()
		}
	})
	if got := <-seen; got != v1alpha1.SwarmNoWorkers {
		t.Errorf("it is %s", got)
	}
	sw, err = s.PatchSwarm(ctx, "streams", map[string]any{"spec": map[string]any{"suspend": true}})
	if err != nil || sw.Generation != 2 || sw.Status.Phase() != v1alpha1.SwarmSuspended {
		t.Errorf("%+v, %v", sw, err)
	}
	for got := range seen {
		if got == v1alpha1.SwarmSuspended {
			break
		}
	}
	stop()
	watcher.Wait()
	stale := newSwarm("streams", spec)
	stale.ResourceVersion = "1"
	if _, err := s.ApplySwarm(ctx, stale); err == nil || !strings.Contains(err.Error(), "changed since it was read") {
		t.Errorf("a change of another version: %v", err)
	}
	for range 2 {
		if err := s.DeleteSwarm(ctx, "streams"); err != nil && !client.IsNotFound(err) {
			t.Error(err)
		}
	}
	if _, err := s.GetSwarm(ctx, "streams"); !client.IsNotFound(err) {
		t.Errorf("it is there: %v", err)
	}
	if again, err := s.CreateSwarm(ctx, newSwarm("streams", spec)); err != nil || again.UID == sw.UID {
		t.Errorf("created anew: %+v, %v", again, err)
	}
}

// While a worker may run something of a swarm that is deleted, it is there still: nothing of that name can be made.
func TestADeletedSwarmGoesOnceItsWorkersHaveLetGo(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	ctx := t.Context()
	spec := v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: streams(4)},
		Handover: v1alpha1.HandoverPolicy{Lease: &metav1.Duration{Duration: 10 * time.Minute}}} // longer than the test, however slow the disk
	if _, err := s.CreateSwarm(ctx, newSwarm("streams", spec)); err != nil {
		t.Fatal(err)
	}
	session, err := s.Swarm("streams").Join(ctx, member.Worker{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	var part v1alpha1.AssignmentSpec
	next := func() {
		t.Helper()
		if part, err = session.Next(ctx, part.Version); err != nil {
			t.Fatal(err)
		}
	}
	for next(); len(part.Workloads) < 4; next() {
	}
	if err := s.DeleteSwarm(ctx, "streams"); err != nil {
		t.Fatal(err)
	}
	if sw, err := s.GetSwarm(ctx, "streams"); err != nil || sw.DeletionTimestamp == nil {
		t.Errorf("%+v, %v", sw, err)
	}
	for what, err := range map[string]error{
		"created": func() error { _, err := s.CreateSwarm(ctx, newSwarm("streams", spec)); return err }(),
		"applied": func() error { _, err := s.ApplySwarm(ctx, newSwarm("streams", spec)); return err }(),
		"joined":  func() error { _, err := s.Swarm("streams").Join(ctx, member.Worker{Name: "b"}); return err }(),
	} {
		if !client.IsConflict(err) || !strings.Contains(err.Error(), "is being deleted") {
			t.Errorf("%s meanwhile: %v", what, err)
		}
	}
	next()
	if len(part.Workloads) > 0 {
		t.Errorf("the worker is told to run %v", part.Workloads)
	}
	if err := session.Renew(ctx, member.Report{Version: part.Version}); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Next(ctx, part.Version); !errors.Is(err, member.ErrLost) {
		t.Errorf("the worker follows on: %v", err)
	}
	if err := session.Renew(ctx, member.Report{Version: part.Version}); !errors.Is(err, member.ErrLost) {
		t.Errorf("the worker renews: %v", err)
	}
	if _, err := s.GetSwarm(ctx, "streams"); !client.IsNotFound(err) {
		t.Errorf("it is there: %v", err)
	}
}

// What one session must not do another's work with.
func TestSessions(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	ctx := t.Context()
	if _, err := s.CreateSwarm(ctx, newSwarm("streams", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: streams(4)}})); err != nil {
		t.Fatal(err)
	}
	door := s.Swarm("streams")
	a, err := door.Join(ctx, member.Worker{Name: "a", Labels: map[string]string{"gpu": "true"}})
	if err != nil || a.Lease() != 15*time.Second || a.Incarnation() == "" {
		t.Fatalf("%+v, %v", a, err)
	}
	if _, err := door.Join(ctx, member.Worker{Name: "a"}); !client.IsConflict(err) || errors.Is(err, member.ErrRefused) {
		t.Errorf("another of its name: %v", err)
	}
	if _, err := door.Join(ctx, member.Worker{Name: "A b"}); !errors.Is(err, member.ErrRefused) {
		t.Errorf("a name that is none: %v", err)
	}
	if _, err := s.Swarm("nothing").Join(ctx, member.Worker{Name: "a"}); !errors.Is(err, member.ErrRefused) || !client.IsNotFound(err) {
		t.Errorf("a swarm that is not there: %v", err)
	}
	if err := a.Leave(ctx); err != nil {
		t.Fatal(err)
	}
	if err := a.Renew(ctx, member.Report{Version: 1}); !errors.Is(err, member.ErrLost) {
		t.Errorf("it has left, and renews its lease: %v", err)
	}
	if _, err := a.Next(ctx, 0); !errors.Is(err, member.ErrLost) {
		t.Errorf("it has left, and follows its part: %v", err)
	}
	if err := a.Leave(ctx); err != nil {
		t.Errorf("it leaves again: %v", err)
	}
	waits, enough := context.WithCancel(ctx)
	b, err := door.Join(ctx, member.Worker{Name: "b"})
	if err != nil {
		t.Fatal(err)
	}
	part, err := b.Next(ctx, 0)
	for err == nil && len(part.Workloads) == 0 {
		part, err = b.Next(ctx, part.Version)
	}
	enough()
	if _, err := b.Next(waits, part.Version); !errors.Is(err, context.Canceled) {
		t.Errorf("there is nothing new, and the caller waits no longer: %v", err)
	}
}

// Bad calls about swarms are answered with problem details that name the field and what to do.
func TestBadSwarms(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	if _, err := s.CreateSwarm(t.Context(), newSwarm("a", v1alpha1.SwarmSpec{})); err != nil {
		t.Fatal(err)
	}
	spec := func(spec string) string {
		return `{"apiVersion":"teamtask.dev/v1alpha1","kind":"Swarm","metadata":{"name":"b"},"spec":` + spec + `}`
	}
	s.refuses(t, []badCall{
		{"no such swarm", "GET", "/v1/swarms/nothing", "", 404, "swarm nothing: not found"},
		{"an unknown field", "POST", "/v1/swarms", spec(`{"workload":[]}`), 422, "body.spec.workload"},
		{"a slip", "POST", "/v1/swarms", spec(`{"workloads":{"list":[{"name":"x","wieght":2}]}}`), 422, `did you mean \"weight\"?`},
		{"a slip at the top", "PUT", "/v1/swarms/a", strings.Replace(spec(`{}`), `"spec"`, `"spce"`, 1), 422, `did you mean \"spec\"?`},
		{"a slip of a worker", "POST", "/v1/swarms/a/workers", `{"worker":"w","lables":{}}`, 422, `did you mean \"labels\"?`},
		{"another kind", "POST", "/v1/swarms", strings.Replace(spec(`{}`), "Swarm", "Worklist", 1), 422, "body.kind"},
		{"a name with a dot", "POST", "/v1/swarms", strings.Replace(spec(`{}`), `"b"`, `"b.c"`, 1), 422, "the swarm is not valid: metadata.name"},
		{"a name twice", "POST", "/v1/swarms", spec(`{"workloads":{"names":["x","y","x"]}}`), 422, `spec.workloads.names[2]: is "x", as is spec.workloads.names[0]`},
		{"a negative weight", "POST", "/v1/swarms", spec(`{"workloads":{"list":[{"name":"x","weight":-1}]}}`), 422, "body.spec.workloads.list[0].weight"},
		{"a weight that is no number", "POST", "/v1/swarms", spec(`{"workloads":{"list":[{"name":"x","weight":"5"}]}}`), 422, "body.spec.workloads.list[0].weight"},
		{"a short lease", "POST", "/v1/swarms", spec(`{"handover":{"lease":"1s"}}`), 422, "spec.handover.lease: is 1s; must be at least 2s"},
		{"another mode", "POST", "/v1/swarms", spec(`{"handover":{"mode":"Fast"}}`), 422, "body.spec.handover.mode"},
		{"replicas of no pool", "POST", "/v1/swarms", spec(`{"replicas":3}`), 422, "spec.replicas: scales a pool: name one (spec.pool)"},
		{"the name of another in the path", "PUT", "/v1/swarms/a", spec(`{}`), 422, "metadata.name: is not the name in the path, a"},
		{"a patch of nothing known", "PATCH", "/v1/swarms/a", `{"spec":{"suspended":true}}`, 422, `unknown field "spec.suspended"; did you mean "suspend"?`},
		{"a patch of the name", "PATCH", "/v1/swarms/a", `{"metadata":{"name":"c"}}`, 422, "metadata.name: cannot be changed"},
		{"a worker without a name", "POST", "/v1/swarms/a/workers", `{}`, 422, "worker"},
		{"a worker with a name that is none", "POST", "/v1/swarms/a/workers", `{"worker":"a b"}`, 422, "worker: is no name of a worker"},
		{"a worker with a label that is none", "POST", "/v1/swarms/a/workers", `{"worker":"a","labels":{"zone name":"e u"}}`, 422, "labels: \"zone name\" is no name of a label"},
		{"an incarnation that is no secret", "POST", "/v1/swarms/a/workers", `{"worker":"a","incarnation":"1"}`, 422, "body.incarnation"},
		{"a worker that is not in the pool", "PUT", "/v1/swarms/a/workers/x", `{"incarnation":"0123456789abcdef","version":1}`, 404, `worker "x" is not in the pool of swarm a: join it, or correct the name`},
		{"a worker that leaves without saying which", "DELETE", "/v1/swarms/a/workers/x", "", 422, "incarnation"},
		{"the assignment of nobody", "GET", "/v1/swarms/a/assignments/x", "", 404, `worker "x" is not in the pool`},
		{"another method", "PATCH", "/v1/swarms/a/workers/x", "{}", 405, "takes PUT, DELETE, not PATCH"},
	})
	if _, err := s.GetSwarm(t.Context(), "b"); !client.IsNotFound(err) {
		t.Errorf("a refused swarm exists: %v", err)
	}
	_, doc := s.raw(t, "GET", "/openapi.json", "", nil)
	for _, want := range []string{`"/v1/swarms/{name}/workers/{worker}/assignment"`, `"JoinRequest"`, `"WorkloadItem"`, `"exclusive"`} {
		if !strings.Contains(doc, want) {
			t.Errorf("%s is not in the document of the API", want)
		}
	}
}

// All Assignments of all swarms come page by page, each once, in order.
func TestPagesOfAssignments(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	ctx := t.Context()
	var want []string
	for _, name := range []string{"a", "b", "c"} {
		if _, err := s.CreateSwarm(ctx, newSwarm(name, v1alpha1.SwarmSpec{})); err != nil {
			t.Fatal(err)
		}
		if name == "b" {
			continue // nobody is in its pool
		}
		for _, worker := range []string{"v", "w", "x"} {
			if _, err := s.Swarm(name).Join(ctx, member.Worker{Name: worker}); err != nil {
				t.Fatal(err)
			}
			want = append(want, name+"."+worker)
		}
	}
	for limit := 1; limit < 8; limit++ {
		var got []string
		for after, more := "", true; more; {
			page, err := s.AssignmentPage(ctx, "", after, limit)
			if err != nil || len(page.Items) > limit {
				t.Fatalf("%d on a page of %d, %v", len(page.Items), limit, err)
			}
			for _, a := range page.Items {
				got = append(got, a.Name)
			}
			after, more = page.Continue, page.Continue != ""
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %d: %v", limit, got)
		}
	}
	var names []string
	for sw, err := range s.Swarms(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, fmt.Sprint(sw.Name, sw.Status.Workers))
	}
	if !slices.Equal(names, []string{"a3", "b0", "c3"}) {
		t.Errorf("%v", names)
	}
}
