package work_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/names"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/scheduler"
	"teamtask.dev/ozymandias/state"
	"teamtask.dev/ozymandias/work"
	"teamtask.dev/server"
	"teamtask.dev/store"
)

const token = "a-token"

// lists starts a List server, and returns a client of it and its port.
func lists(t *testing.T) (*client.Client, string) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	kept, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(t.Context(), server.Options{Store: kept, Log: log, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	site := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		site.CloseClientConnections()
		site.Close()
		if err := errors.Join(s.Close(context.Background()), kept.Close()); err != nil {
			t.Error(err)
		}
	})
	_, port, err := net.SplitHostPort(site.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return client.New(site.URL, token), port
}

// The List server is a job itself, found by its name; its token is a secret. The job with the worklist gets as many instances as there
// is work for, and ends with it. What is missing is said.
func TestFollow(t *testing.T) {
	c, port := lists(t)
	etcd := etcdtest.Start(t)
	db := state.New(etcd.Direct)
	held, err := lease.Grant(t.Context(), etcd.Direct, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	own := schedule.Instance{Job: "uid-lists", ID: "0"}
	report := state.Report{Instances: []state.Instance{{Instance: own, Condition: schedule.Condition{Phase: schedule.Running, Address: "127.0.0.1", Healthy: true}}}}
	machine := state.Machine{Address: "127.0.0.1", Capacity: placement.Resources{Memory: 4e9, Disk: 1e11, CPU: 4000}}
	if _, err := db.Join(t.Context(), "n1", machine, report, held.ID, 0); err != nil {
		t.Fatal(err)
	}
	mirror, err := db.NewMirror(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	defer func() {
		end()
		for range 2 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
	}()
	go func() { ended <- mirror.Run(ctx) }()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	follower := &work.Follower{Node: "n1", Store: db, Mirror: mirror, Log: log,
		Secret: func(_ context.Context, s job.Secret) ([]byte, error) {
			if s.Name != "lists-token" {
				return nil, errors.New("there is no secret " + s.Name)
			}
			return []byte(token), nil
		}}
	go func() { ended <- follower.Run(ctx) }()

	list := &v1alpha1.Worklist{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.WorklistKind}, ObjectMeta: metav1.ObjectMeta{Name: "primes"}}
	list.Spec = v1alpha1.WorklistSpec{Size: 1000, Block: v1alpha1.BlockPolicy{Size: 100}}
	put := func(uid string, spec job.Job) {
		t.Helper()
		spec = spec.Default()
		if faults := spec.Validate(); len(faults) > 0 {
			t.Fatal(faults)
		}
		decider := &scheduler.Scheduler{Node: "n1", Store: db, Mirror: mirror, Log: log}
		if _, _, err := decider.Apply(ctx, func(s schedule.State) (schedule.State, error) { return s.Put(uid, spec), nil }); err != nil {
			t.Fatal(err)
		}
	}
	put("uid-lists", job.Job{Name: "lists", Containers: map[string]job.Container{"server": {Image: "teamtask"}}})
	put("uid-primes", job.Job{Name: "primes", Worklist: "primes", Containers: map[string]job.Container{"worker": {Image: "primes",
		Environment: job.Environment{"TEAMTASK_SERVER": "http://lists." + names.Domain + ":" + port},
		Secrets:     []job.Secret{{Name: "lists-token", Env: "TEAMTASK_TOKEN"}}}}})

	settle := func(uid, what string, is func(schedule.Job) bool) {
		t.Helper()
		for over := time.After(3 * time.Minute); ; {
			now, _, changed := mirror.State()
			if j := now.Job(uid); j != nil && is(*j) {
				return
			}
			select {
			case <-changed:
			case <-over:
				t.Fatalf("%s: %+v", what, now.Job(uid))
			}
		}
	}
	settles := func(what string, is func(schedule.Job) bool) {
		t.Helper()
		settle("uid-primes", what, is)
	}
	settles("it is said that there is no list", func(j schedule.Job) bool {
		return j.Work == nil && j.Trouble == "the List server at http://lists."+names.Domain+":"+port+" has no worklist primes"
	})
	if _, err := c.Create(ctx, list); err != nil {
		t.Fatal(err)
	}
	claim := func(worker string) (complete func()) {
		t.Helper()
		claimed, err := c.Claim(ctx, "primes", &v1alpha1.ClaimRequest{Worker: worker})
		if err != nil || len(claimed.Leases) != 1 {
			t.Fatal(claimed, err)
		}
		return func() {
			t.Helper()
			if _, err := c.Complete(ctx, "primes", worker, v1alpha1.Report{Token: claimed.Leases[0].Token}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for left := 10; left > 5; left-- {
		settles("one instance for each block", func(j schedule.Job) bool { return j.Work != nil && *j.Work == left && !j.Finished && j.Trouble == "" })
		claim("me")()
	}
	last := claim("primes-3-1-ABCDE")
	for range 4 {
		claim("me")()
	}
	if _, err := c.Patch(ctx, "primes", map[string]any{"spec": map[string]any{"suspend": true}}); err != nil {
		t.Fatal(err)
	}
	settles("instance 3 is left its block, and those before it stay", func(j schedule.Job) bool {
		return j.Work != nil && *j.Work == 4 && strings.HasPrefix(j.Trouble, "worklist primes is Suspended")
	})
	last()
	settles("none when the list is finished", func(j schedule.Job) bool { return j.Finished && j.Trouble == "" })

	put("uid-streams", job.Job{Name: "streams", Swarm: "streams", Containers: map[string]job.Container{"worker": {Image: "streams",
		Environment: job.Environment{"TEAMTASK_SERVER": "http://lists." + names.Domain + ":" + port, "TEAMTASK_TOKEN_FILE": "/run/secrets/lists-token"},
		Secrets:     []job.Secret{{Name: "lists-token"}}}}})
	settle("uid-streams", "it is said that there is no swarm", func(j schedule.Job) bool {
		return j.Trouble == "the List server at http://lists."+names.Domain+":"+port+" has no swarm streams"
	})
	swarm := &v1alpha1.Swarm{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.SwarmKind}, ObjectMeta: metav1.ObjectMeta{Name: "streams"}}
	swarm.Spec.Workloads.Names = []string{"a"}
	if _, err := c.CreateSwarm(ctx, swarm); err != nil {
		t.Fatal(err)
	}
	settle("uid-streams", "nothing is said once there is one", func(j schedule.Job) bool { return j.Trouble == "" })
}
